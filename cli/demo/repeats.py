"""Act six: old keys again. Each must bring the first outcome, word for word, and add nothing to the log."""

import random

from cli.demo.audit import events_after
from cli.demo.client import Answer, Command
from cli.demo.crowd import work_through
from cli.demo.story import Story

REPEATS = 400
SEED = 1979


async def repeat_old_keys(story: Story) -> None:
    notebook = story.notebook
    sample = random.Random(SEED).sample(story.given, min(REPEATS, len(story.given)))
    head = await story.auditor.get("/audit/head")
    if not notebook.expect(head, 200):
        return

    async def repeat(was: tuple[Command, Answer]) -> None:
        command, first = was
        again = await command.give()
        notebook.check(again.says_the_same_as(first), f"same key: {again} is as {first}")
        notebook.check(again.replayed, f"{again.status} to {again.request} is marked as a replay")
        notebook.counts["repeated later"] += 1

    await work_through(sample, repeat, story.watch)
    keys = {command.key for command, _ in sample}
    written = [event async for event in events_after(story, head.body["position"])]
    doubled = [event["position"] for event in written if event["causation_id"] in keys]
    notebook.check(not doubled, f"a repeated key writes nothing, but see positions {doubled}")
    notebook.facts["repeats"] = {"keys": len(keys), "events_with_them": len(doubled)}

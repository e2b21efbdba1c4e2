"""Act six: repeated keys. Each gets the first outcome again, and adds nothing to the log."""

import random

from cli.demo.audit import events_after
from cli.demo.client import DemoCommand, DemoResponse
from cli.demo.crowd import work_through
from cli.demo.story import Story

REPEATS = 400
SEED = 1979


async def repeat_old_keys(story: Story) -> None:
    notebook = story.notebook
    sample = random.Random(SEED).sample(story.sent, min(REPEATS, len(story.sent)))
    head = await story.auditor.get("/audit/head")
    if not notebook.expect(head, 200):
        return

    async def repeat(was: tuple[DemoCommand, DemoResponse]) -> None:
        command, first = was
        again = await command.send()
        notebook.check(again.equals(first), f"same key: {again} equals {first}")
        notebook.check(again.replayed, f"{again.status} to {again.request} is marked as a replay")
        notebook.counts["repeated later"] += 1

    await work_through(sample, repeat, story.progress)
    keys = {command.key for command, _ in sample}
    written = [event async for event in events_after(story, head.body["position"])]
    doubled = [event["position"] for event in written if event["causation_id"] in keys]
    notebook.check(not doubled, f"a repeated key writes no event; found at positions {doubled}")
    notebook.facts["repeats"] = {"keys": len(keys), "events_with_them": len(doubled)}

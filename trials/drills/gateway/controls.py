"""Programs that break one promise about money, each of which the judge must catch."""

from trials.drills.gateway.play import play
from trials.torture.broken import program

SECONDS = 20
REST_SECONDS_MAX = 12
ROUNDS_MAX = 3

CONTROLS = {
    "charges-under-a-fresh-id": "nobody asked for",
    "reconciler-asleep": "still on its way",
    "lapsed-payments-forgotten": "money is still held",
    "captures-recorded-before-they-are-asked": "came; the books say",
}
"""What the judge then says, in part."""


async def catch(name: str) -> str | None:
    """The sentence by which the broken program was caught; None when it got away."""
    for number in range(ROUNDS_MAX):
        played = await play(f"{name}.{number}", SECONDS, program(name), REST_SECONDS_MAX)
        for sentence in played.violations:
            if CONTROLS[name] in sentence:
                return sentence
    return None

"""The client's records, refusals and resources, made from the OpenAPI document of the program.

It imports neither the program nor the client. `python -m tests.client.test_generated` runs it.
"""

from typing import Any

from client.generator.api import Api
from client.generator.records import records
from client.generator.refusals import refusals
from client.generator.resources import resources


def generate(document: dict[str, Any]) -> dict[str, str]:
    """Return the text of each module by its name."""
    api = Api(document)
    return {
        "records.py": "\n".join(records(api)),
        "refusals.py": "\n".join(refusals(api)),
        "resources.py": "\n".join(resources(api)),
    }

"""The data dictionary of the API is generated from the OpenAPI document."""

from pathlib import Path

from api.http.api_fields import dictionary


def test_the_dictionary_of_the_api_is_that_of_the_document(checkout: Path) -> None:
    page = (checkout / "docs" / "reference" / "api-fields.md").read_text(encoding="utf-8")
    assert page == dictionary(), "run python -m api.http.api_fields > docs/reference/api-fields.md"

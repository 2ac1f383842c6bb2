"""The documentation's table of importers is made from the code."""

from __future__ import annotations

from pathlib import Path

import pytest

from importers.registry import IMPORTERS, Importer
from importers.table import document

PAGE = Path(__file__).parents[2] / "docs" / "importers.md"


def test_the_page_is_up_to_date(update: bool) -> None:
    if update:
        PAGE.write_text(document(), encoding="utf-8")
    assert PAGE.read_text(encoding="utf-8") == document(), "python -m importers.table > docs/importers.md"


@pytest.mark.parametrize("importer", IMPORTERS, ids=lambda item: item.name)
def test_every_importer_says_what_it_supports(importer: Importer) -> None:
    assert len(importer.supports()) >= 3
    assert all(row.what and row.becomes for row in importer.supports())
    assert "name" in importer.options()
    assert all(name in (importer.read().__doc__ or "") for name in importer.options()), "every option is documented"

"""The search of the documentation in a real browser, which reaches no other host."""

from pathlib import Path

import pytest

from tests.api.conftest import SECRET
from tests.api.console import browser
from tests.contract.program import ProgramUnderTest

pytestmark = pytest.mark.skipif(browser.find_browser() is None, reason="no Chromium on PATH")


AXE = Path(browser.__file__).with_name("axe") / "axe.min.js"
AXE_RUN = "axe.run(document, {resultTypes: ['violations']}).then(r => r.violations.map(v => v.id + v.help))"


async def test_a_word_is_found_and_leads_to_its_section() -> None:
    program = ProgramUnderTest(SEATLEDGER_JWT_SECRET=SECRET, SEATLEDGER_WORKERS="1")
    executable = browser.find_browser()
    assert executable is not None
    try:
        program.start()
        async with browser.open_browser(executable) as page:
            await page.do("Network.enable")
            await page.do("Network.setBlockedURLs", urls=["https://*"])
            await page.goto(f"{program.url}/docs")
            await page.js("document.querySelector('#search').focus()")
            await page.do("Input.insertText", text="Two STEPS pay")
            link = "#found a[href='/docs/how-to/paying#pay-in-two-steps']"
            await page.wait_for(f'document.querySelector("{link}")')
            assert await page.js("document.querySelector('article').hidden")
            await page.follow(page.js(f'document.querySelector("{link}").click()'))
            assert await page.js("location.hash") == "#pay-in-two-steps"
            assert await page.js("document.querySelector('article h1').innerText") == "Pay, cancel and refund"
            await page.js("document.querySelector('#search').focus()")
            await page.do("Input.insertText", text="zebra crossing")
            await page.wait_for("document.querySelector('#found h1')?.innerText == 'Nothing found'")
            for width, dark in ((1200, False), (360, True)):
                await page.screen(width, dark=dark)
                for address in ("/reference/api-fields", "/problems", "", "/how-to/retries"):
                    await page.goto(f"{program.url}/docs{address}")
                    assert await page.js("document.scrollingElement.scrollWidth") <= width, address
                # On the two long pages before, this takes too long.
                await page.js(AXE.read_text(encoding="utf-8"))
                assert await page.js(AXE_RUN) == [], width
            assert page.errors == []
    finally:
        program.close()

"""A headless Chromium, and the sites that it opens from the disk.

    python -m pytest browser                     a small site, built now on NumPy
    python -m pytest browser --site DIR          a site that `einport pages` wrote

The browser is Debian's; CHROMIUM names another.
"""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright

from einport.backends import get_backend
from einport.comparison.running import compare
from einport.suite.results import Cell, Document, Run
from einport.traps import traps
from einport.views.site.building import Content, build
from einport.views.site.digits import digit_pictures
from einport.views.site.folder import MARKER, write_folder
from einport.views.site.look import stamp_now

OPS = ("pixel_shuffle", "pixel_unshuffle", "average_pool", "softmax", "moe_layer")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--site", metavar="DIR", type=Path, help="Look at this site of einport pages.")


def find_chromium() -> str | None:
    """Where the browser is."""
    names = (os.environ.get("CHROMIUM"), "chromium", "chromium-browser", "google-chrome")
    return next((path for name in names if name and (path := shutil.which(name))), None)


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    path = find_chromium()
    if path is None:
        pytest.exit("no Chromium found, and pages are not tested without one: "
                    "apt-get install chromium, or name one in CHROMIUM", returncode=1)  # fmt: skip
    with sync_playwright() as playwright:
        found = playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
        yield found
        found.close()


@pytest.fixture
def contexts(browser: Browser) -> Iterator[list[BrowserContext]]:
    made: list[BrowserContext] = []
    yield made
    for one in made:
        one.close()


@pytest.fixture
def visit(browser: Browser, contexts: list[BrowserContext]):
    """Open a page of a site, in a browser that knows nothing of earlier visits."""

    def opened(site: Path, name: str, **options) -> Page:
        context = browser.new_context(**options)
        context.set_default_timeout(10_000)
        contexts.append(context)
        page = context.new_page()
        page.goto((site / name).as_uri())
        return page

    return opened


def cell(op: str, backend: str, mode: str, dtype: str, status: str = "pass",
         error: float | None = 0.0, reason: str = "", topic: str = "images") -> Cell:  # fmt: skip
    done = 0 if error is None else 1
    return Cell(
        op, topic, backend, "1.0", "cpu", mode, dtype, status, error, done, done, 0.1, reason
    )


def planted_results() -> Document:
    """Results of which every answer of a filter is known."""
    runs = tuple(
        Run("0.0.1", "3.12.0", "Linux", name, title, "1.0", "cpu", "matrix", "all", False, 0)
        for name, title in (("torch", "PyTorch"), ("jax", "JAX"))
    )
    cells = (
        cell("pixel_shuffle", "torch", "eager", "float64"),
        cell("pixel_shuffle", "torch", "eager", "float32", error=0.25),
        cell("pixel_shuffle", "torch", "eager", "int8", "unsupported", None, "no int8"),
        cell("pixel_shuffle", "torch", "compiled", "float32", error=0.5),
        cell("pixel_shuffle", "jax", "eager", "float64"),
        cell("pixel_shuffle", "jax", "eager", "float32"),
        cell("pixel_unshuffle", "torch", "eager", "float32"),
        cell("pixel_unshuffle", "torch", "compiled", "float32", "fail", 9.0, "off by nine"),
        cell("softmax", "jax", "eager", "float32", error=0.004, topic="probability"),
        cell("softmax", "jax", "compiled", "float32", error=12345.0, topic="probability"),
    )
    return Document(runs, cells)


def _content(results: Document | None) -> Content:
    found = tuple(compare(op, backends=["numpy"], time=False) for op in OPS)
    digits = digit_pictures([get_backend("numpy")])
    return Content(found, traps(), digits, results, "nobody ran any", stamp_now())


@pytest.fixture(scope="session")
def small(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small site with results that are made up."""
    folder = tmp_path_factory.mktemp("site") / "small"
    write_folder(folder, build(_content(planted_results())))
    return folder


@pytest.fixture(scope="session")
def site(request: pytest.FixtureRequest, small: Path) -> Path:
    """The site that was named, or the small one."""
    named: Path | None = request.config.getoption("--site")
    if named is None:
        return small
    if not (named / MARKER).is_file():
        pytest.exit(f"{named} holds no site of einport pages", returncode=1)
    return named.resolve()


@pytest.fixture(scope="session")
def pages(site: Path) -> list[str]:
    """All pages of the site."""
    return sorted(one.relative_to(site).as_posix() for one in site.rglob("*.html"))

"""The site as a reader meets it: by pointer and keyboard, on a phone, in the dark, unscripted."""

import re
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect

from einport.catalog import entry
from einport.comparison.provenance import provenance
from einport.traps import traps

PHONE = {"viewport": {"width": 360, "height": 740}}
DESK = {"viewport": {"width": 1280, "height": 900}}
SCHEMES = ("light", "dark")


def visible(page: Page, selector: str) -> list[str]:
    """The texts of what is seen, without the breaks that a name may have."""
    found = page.locator(f"{selector} >> visible=true").all_inner_texts()
    return [" ".join(text.split()) for text in found]


# --- Every page ----------------------------------------------------------------------------------


@pytest.mark.parametrize("scheme", SCHEMES)
def test_no_page_complains_or_overflows_on_a_phone(browser, site, pages, scheme) -> None:
    context = browser.new_context(**PHONE, color_scheme=scheme)
    page = context.new_page()
    said: list[str] = []
    page.on("console", lambda message: said.append(message.text))
    page.on("pageerror", lambda error: said.append(str(error)))
    # What is still on its way when the next page is opened is no failure.
    page.on(
        "requestfailed",
        lambda one: "ERR_ABORTED" in one.failure or said.append(f"{one.url}: {one.failure}"),
    )
    page.on("request", lambda one: one.url.startswith("file:") or said.append(one.url))
    grounds = set()
    for name in pages:
        page.goto((site / name).as_uri())
        wide, ground, broken = page.evaluate(
            "() => [document.documentElement.scrollWidth,"
            " getComputedStyle(document.body).backgroundColor,"
            " [...document.images].filter(one => !one.naturalWidth).length]"
        )
        assert wide <= 360, f"{name} is {wide} px wide"
        assert not broken, f"{name} lacks pictures"
        assert not said, f"{name}: {said}"
        grounds.add(ground)
    context.close()
    assert grounds == {"rgb(255, 255, 255)" if scheme == "light" else "rgb(22, 24, 29)"}


def test_everything_unfolded_fits_a_phone(visit, small) -> None:
    names = ("ops/moe_layer.html", "ops/pixel_shuffle.html", "traps/compiling.html")
    for name in names:
        page = visit(small, name, **PHONE)
        page.locator(".beside").first.click()
        page.evaluate("document.querySelectorAll('details').forEach(one => { one.open = true; })")
        assert page.evaluate("document.documentElement.scrollWidth") <= 360, name


@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize(
    "name",
    ["index.html", "ops/pixel_shuffle.html", "ops/softmax.html", "matrix.html", "traps.html",
     "traps/rearranging.html", "digits.html"],
)  # fmt: skip
def test_axe_finds_nothing(visit, small, site, scheme, name) -> None:
    for one in {small, site}:
        page = visit(one, name, **DESK, color_scheme=scheme)
        page.evaluate("document.querySelectorAll('details').forEach(one => { one.open = true; })")
        found = Axe().run(page)
        assert found.violations_count == 0, found.generate_report()


def test_axe_can_find_something(visit, small) -> None:
    page = visit(small, "index.html")
    page.evaluate("document.querySelector('main').append(document.createElement('img'))")
    assert Axe().run(page).violations_count == 1


@pytest.mark.parametrize("scheme", SCHEMES)
def test_axe_finds_nothing_where_all_stands_side_by_side(visit, small, scheme) -> None:
    page = visit(small, "ops/pixel_shuffle.html", **PHONE, color_scheme=scheme)
    page.locator(".beside").click()
    found = Axe().run(page)
    assert found.violations_count == 0, found.generate_report()


def test_the_first_stop_skips_to_the_content(visit, small) -> None:
    page = visit(small, "ops/pixel_shuffle.html")
    page.keyboard.press("Tab")
    expect(page.locator(".skip")).to_be_focused()
    expect(page.locator(".skip")).to_be_in_viewport()
    page.keyboard.press("Enter")
    expect(page.locator("main")).to_be_focused()


# --- The catalog ---------------------------------------------------------------------------------


def test_the_catalog_is_searched(visit, small) -> None:
    page = visit(small, "index.html")
    everything = ["pixel_shuffle", "pixel_unshuffle", "average_pool", "softmax", "moe_layer"]
    assert sorted(visible(page, ".cards h3")) == sorted(everything)
    find = page.get_by_role("searchbox", name="Search")
    for text, found in (
        ("shuffle", ["pixel_shuffle", "pixel_unshuffle"]),
        ("Pixel unSHUFFLE", ["pixel_unshuffle"]),
        ("pooling", ["average_pool"]),
        ("numpy experts", ["moe_layer"]),
        ("gated outputs", ["moe_layer"]),
    ):
        find.fill(text)
        assert visible(page, ".cards h3") == found, text
        expect(page.get_by_role("status")).to_have_text(f"{len(found)} of 5")
    assert visible(page, "h2") == ["Mixture of experts"]
    find.fill("zebra")
    assert visible(page, ".cards h3") == []
    expect(page.get_by_text("No operation fits")).to_be_visible()
    find.fill("")
    assert len(visible(page, ".cards h3")) == 5
    expect(page.get_by_text("No operation fits")).to_be_hidden()


def test_the_catalog_is_filtered_by_topic_and_framework(visit, small) -> None:
    page = visit(small, "index.html")
    page.get_by_label("Topic").select_option("Images")
    assert visible(page, ".cards h3") == ["pixel_shuffle", "pixel_unshuffle"]
    page.get_by_label("Agrees on").select_option("NumPy")
    assert visible(page, ".cards h3") == ["pixel_shuffle", "pixel_unshuffle"]
    page.evaluate(
        "document.querySelector('[data-framework]').closest('main')"
        ".querySelectorAll('[data-text*=\"pixel_shuffle \"]')[0].dataset.framework = 'torch'"
    )
    page.get_by_label("Topic").select_option("all topics")
    assert len(visible(page, ".cards h3")) == 4


def test_a_card_leads_to_its_page_and_pages_to_each_other(visit, small) -> None:
    page = visit(small, "index.html")
    page.get_by_role("link", name="pixel_shuffle").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("pixel_shuffle")
    page.locator("a[rel=next]").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("pixel_unshuffle")
    page.get_by_role("link", name="All modes and dtypes").click()
    expect(page.locator("tbody#pixel_unshuffle")).to_be_in_viewport()


def test_every_op_of_a_named_site_is_in_its_catalog(visit, site, pages) -> None:
    page = visit(site, "index.html")
    assert len(visible(page, ".cards h3")) == sum(name.startswith("ops/") for name in pages)


# --- Tabs ----------------------------------------------------------------------------------------


def test_tabs_by_click(visit, small) -> None:
    page = visit(small, "ops/pixel_shuffle.html")
    tabs = page.get_by_role("tab")
    assert tabs.all_inner_texts() == ["NumPy", "PyTorch", "JAX", "TensorFlow"]
    assert visible(page, "[role=tabpanel]")[0].startswith("def pixel_shuffle_numpy")
    page.get_by_role("tab", name="JAX").click()
    (shown,) = visible(page, "[role=tabpanel]")
    assert shown.startswith("def pixel_shuffle_jax")
    expect(page.get_by_role("tab", selected=True)).to_have_text("JAX")
    expect(page.get_by_role("tabpanel", name="JAX")).to_be_visible()


def test_tabs_by_keyboard(visit, small) -> None:
    page = visit(small, "ops/pixel_shuffle.html")
    page.get_by_role("tab", name="NumPy").focus()
    for key, name in (
        ("ArrowRight", "PyTorch"), ("ArrowRight", "JAX"), ("End", "TensorFlow"),
        ("ArrowRight", "NumPy"), ("ArrowLeft", "TensorFlow"), ("Home", "NumPy"),
    ):  # fmt: skip
        page.keyboard.press(key)
        expect(page.get_by_role("tab", name=name)).to_be_focused()
        expect(page.get_by_role("tab", selected=True)).to_have_text(name)
        assert visible(page, "[role=tabpanel]")[0].startswith(
            f"def pixel_shuffle_{name.lower().replace('pytorch', 'torch')}"
        )
    page.keyboard.press("Tab")
    expect(page.locator(".beside")).to_be_focused()


def test_a_choice_holds_for_all_tabs_and_for_the_next_page(visit, small) -> None:
    page = visit(small, "traps/rearranging.html")
    # Some browsers keep what is seen in its place by themselves; the others need the script.
    page.evaluate("document.documentElement.style.overflowAnchor = 'none'")
    groups = page.locator(".tabs").count()
    assert groups == len([one for one in traps() if one.topic == "rearranging"])
    last = page.locator(".tabs", has=page.get_by_role("tab", name="TensorFlow")).last
    last.scroll_into_view_if_needed()
    before = last.bounding_box()["y"]
    last.get_by_role("tab", name="TensorFlow").click()
    assert abs(last.bounding_box()["y"] - before) < 2, "what was clicked moved away"
    for i in range(groups):
        group = page.locator(".tabs").nth(i)
        if group.get_by_role("tab", name="TensorFlow").count():
            expect(group.get_by_role("tab", selected=True)).to_have_text("TensorFlow")
        assert group.locator("[role=tabpanel]").locator("visible=true").count() == 1
    page.goto((small / "ops/softmax.html").as_uri())
    expect(page.get_by_role("tab", selected=True)).to_have_text("TensorFlow")


def test_all_frameworks_side_by_side(visit, small) -> None:
    page = visit(small, "ops/pixel_shuffle.html", **DESK)
    page.get_by_role("button", name="Side by side").click()
    assert [text.split("(")[0] for text in visible(page, ".panel pre")] == [
        f"def pixel_shuffle_{name}" for name in ("numpy", "torch", "jax", "tensorflow")
    ]
    boxes = [page.locator(".panel").nth(i).bounding_box() for i in range(2)]
    assert boxes[0]["y"] == boxes[1]["y"]
    assert boxes[0]["x"] + boxes[0]["width"] < boxes[1]["x"] + 1
    assert page.get_by_role("tab").locator("visible=true").count() == 0
    page.get_by_role("button", name="Side by side").click()
    assert len(visible(page, ".panel pre")) == 1


# --- Pictures ------------------------------------------------------------------------------------


def lit(page: Page) -> set[str]:
    return set(page.eval_on_selector_all(".ep-on", "all => all.map(one => one.dataset.cell)"))


def related(op: str) -> dict[str, set[str]]:
    """For each cell those that must light up with it, computed anew."""
    drawn = provenance(entry(op))
    found = {}
    for o, x in enumerate(drawn.outputs):
        for i in range(x.values.size):
            sources = {f"i{source}.{at}" for source, at in drawn.of(o, i)}
            found[f"o{o}.{i}"] = {f"o{o}.{i}", *sources}
    for (i, at), cells in drawn.reached.items():
        found[f"i{i}.{at}"] = {f"i{i}.{at}", *(f"o{o}.{one}" for o, one in cells)}
    return found


@pytest.mark.parametrize("op", ["pixel_shuffle", "softmax", "average_pool", "moe_layer"])
def test_pointing_at_a_cell_lights_its_sources(visit, small, op) -> None:
    page = visit(small, f"ops/{op}.html", **DESK)
    wanted = related(op)
    assert page.locator(".ep-c").count() == len(wanted)
    assert lit(page) == set()
    for name in [*wanted][:: max(len(wanted) // 12, 1)]:
        cell = page.locator(f'[data-cell="{name}"]')
        cell.hover()
        assert lit(page) == wanted[name], name
        expect(page.locator(".ep-says")).to_have_text(cell.get_attribute("aria-label"))
    page.mouse.move(0, 0)
    assert lit(page) == set()


def test_a_cell_is_reached_by_keyboard(visit, small) -> None:
    page = visit(small, "ops/pixel_shuffle.html")
    wanted = related("pixel_shuffle")
    stops = []
    for step in range(60):
        page.keyboard.press("Tab")
        if step and page.evaluate("document.activeElement.matches('body, .skip')"):
            break  # once round
        at = page.evaluate("document.activeElement.dataset.cell || ''")
        if at:
            stops.append(at)
            assert lit(page) == wanted[at]
    assert stops == ["i0.0", "o0.0"], "an array is one stop"
    page.locator('[data-cell="o0.0"]').focus()
    for key, at in (("ArrowRight", "o0.1"), ("ArrowDown", "o0.7"), ("ArrowLeft", "o0.6"),
                    ("ArrowUp", "o0.0"), ("End", "o0.47"), ("Home", "o0.0")):  # fmt: skip
        page.keyboard.press(key)
        assert page.evaluate("document.activeElement.dataset.cell") == at
        assert lit(page) == wanted[at]
    label = page.locator('[data-cell="o0.7"]').get_attribute("aria-label")
    assert label == "out[0, 1, 1]: from x[1, 0, 0]" or re.match(r"out\[0, 1, 1\]: from x\[", label)


# --- The matrix ----------------------------------------------------------------------------------


def table(page: Page) -> list[list[str]]:
    rows = page.locator("table.matrix tr").locator("visible=true").all()
    return [[" ".join(one.split()) for one in row.locator("th, td").locator("visible=true")
             .all_inner_texts()] for row in rows]  # fmt: skip


HEAD = ["Operation", "PyTorch 1.0 cpu", "JAX 1.0 cpu"]
WHOLE = [
    HEAD,
    ["pixel_shuffle", "0.50 *2", "exact"],
    ["pixel_unshuffle", "FAIL *1", "–"],
    ["softmax", "–", "1.23e+04"],
]


def test_the_matrix_shows_the_worst_of_all(visit, small) -> None:
    assert table(visit(small, "matrix.html")) == WHOLE


@pytest.mark.parametrize(
    ("choices", "rows"),
    [
        ({"Framework": "JAX 1.0 cpu"}, [["pixel_shuffle", "exact"], ["softmax", "1.23e+04"]]),
        ({"Mode": "eager"},
         [["pixel_shuffle", "0.25 *2", "exact"], ["pixel_unshuffle", "exact", "–"],
          ["softmax", "–", "<0.01"]]),
        ({"Mode": "compiled"}, [["pixel_shuffle", "0.50", "–"], ["pixel_unshuffle", "FAIL *1", "–"],
                                ["softmax", "–", "1.23e+04"]]),
        ({"Dtype": "float64"}, [["pixel_shuffle", "exact", "exact"]]),
        ({"Dtype": "int8"}, [["pixel_shuffle", "none *2", "–"]]),
        ({"Dtype": "float32", "Mode": "eager"},
         [["pixel_shuffle", "0.25", "exact"], ["pixel_unshuffle", "exact", "–"],
          ["softmax", "–", "<0.01"]]),
        ({"Status": "fails"}, [["pixel_unshuffle", "FAIL *1", "–"]]),
        ({"Status": "unsupported in part"}, [["pixel_shuffle", "0.50 *2", "exact"]]),
        ({"Status": "passes whole"}, [["softmax", "–", "1.23e+04"]]),
        ({"Status": "passes whole", "Mode": "eager"},
         [["pixel_unshuffle", "exact", "–"], ["softmax", "–", "<0.01"]]),
        ({"Status": "fails", "Framework": "JAX 1.0 cpu"}, []),
    ],
    ids=str,
)  # fmt: skip
def test_the_matrix_is_filtered(visit, small, choices, rows) -> None:
    page = visit(small, "matrix.html")
    form = page.get_by_role("search", name="Results")
    for label, option in choices.items():
        form.get_by_label(label, exact=True).select_option(option)
    head = ["Operation", "JAX 1.0 cpu"] if "Framework" in choices else HEAD
    assert table(page) == [head, *rows]
    expect(page.get_by_role("status")).to_have_text(f"{len(rows)} of 3 operations")
    expect(page.get_by_text("No result fits")).to_be_visible(visible=not rows)


def test_the_matrix_is_searched_and_opened_mode_by_mode(visit, small) -> None:
    page = visit(small, "matrix.html")
    form = page.get_by_role("search", name="Results")
    form.get_by_role("searchbox").fill("pixel_shuffle")
    assert table(page) == WHOLE[:2]
    form.get_by_role("searchbox").fill("probability")
    assert table(page) == [HEAD, WHOLE[3]]
    form.get_by_role("searchbox").fill("shuffle")
    form.get_by_label("a row for each mode").check()
    assert table(page) == [
        HEAD,
        ["pixel_shuffle", "0.50 *2", "exact"],
        ["eager", "0.25 *2", "exact"],
        ["compiled", "0.50", "–"],
        ["pixel_unshuffle", "FAIL *1", "–"],
        ["eager", "exact", "–"],
        ["compiled", "FAIL *1", "–"],
    ]
    form.get_by_label("Dtype").select_option("float64")
    assert table(page) == [
        HEAD, ["pixel_shuffle", "exact", "exact"], ["eager", "exact", "exact"],
    ]  # fmt: skip


def test_a_star_leads_to_its_reason(visit, small) -> None:
    page = visit(small, "matrix.html")
    page.get_by_role("link", name="*1").click()
    expect(page.locator("#r1")).to_be_in_viewport()
    assert "off by nine" in page.locator(":target").inner_text()


def test_what_the_script_shows_is_what_stood_there(visit, site) -> None:
    """The worst of all, computed by the script from the parts, is what was written."""
    page = visit(site, "matrix.html")
    plain = visit(site, "matrix.html", java_script_enabled=False)
    rows = "table.matrix tbody tr:not([data-m])"
    assert page.locator(rows).all_inner_texts() == plain.locator(rows).all_inner_texts()


# --- The traps -----------------------------------------------------------------------------------


def test_the_traps_are_searched(visit, small) -> None:
    page = visit(small, "traps.html")
    form = page.get_by_role("search", name="Traps")
    assert len(visible(page, ".traps h3")) == len(traps())
    form.get_by_role("searchbox").fill("pixel shuffle")
    assert len(visible(page, ".traps h3")) == len(
        [one for one in traps() if {"pixel_shuffle", "pixel_unshuffle"} & {*one.ops}]
    )
    form.get_by_role("searchbox").fill("")
    form.get_by_label("Framework").select_option("JAX")
    assert len(visible(page, ".traps h3")) == len([t for t in traps() if "jax" in t.programs])
    form.get_by_label("Topic").select_option("Indexing")
    wanted = [one for one in traps() if one.topic == "indexing" and "jax" in one.programs]
    assert len(visible(page, ".traps h3")) == len(wanted)
    page.locator(".traps h3 a").locator("visible=true").first.click()
    expect(page.locator(f"#{wanted[0].name}")).to_be_in_viewport()


# --- Without script ------------------------------------------------------------------------------


def test_without_script_everything_is_there(visit, small: Path) -> None:
    def plain(name: str) -> Page:
        return visit(small, name, java_script_enabled=False)

    index = plain("index.html")
    assert len(visible(index, ".cards h3")) == 5
    assert visible(index, "form") == []
    op = plain("ops/pixel_shuffle.html")
    assert visible(op, ".panel h3") == ["NumPy", "PyTorch", "JAX", "TensorFlow"]
    assert len(visible(op, ".panel pre")) == 4
    assert visible(op, "[role=tab], .beside") == []
    assert op.locator(".ep-c").locator("visible=true").count() == len(related("pixel_shuffle"))
    found = table(plain("matrix.html"))
    assert found[:4] == [*WHOLE[:2], ["eager", "0.25 *2", "exact"], ["compiled", "0.50", "–"]]
    assert len(found) == 10
    topic = plain("traps/rearranging.html")
    mine = [one for one in traps() if one.topic == "rearranging"]
    assert len(visible(topic, ".panel pre")) == sum(
        len(one.programs) + bool(one.einport) for one in mine
    )


def test_only_what_scrolls_is_a_stop(visit, small) -> None:
    page = visit(small, "ops/pixel_shuffle.html", **DESK)
    boxes = page.locator("pre.code, .scroll")
    for i in range(boxes.count()):
        over, stop = boxes.nth(i).evaluate(
            "box => [box.scrollWidth > box.clientWidth + 1, box.tabIndex === 0]"
        )
        assert over == stop
    assert page.locator("pre.code[tabindex]").count() < page.locator("pre.code").count()
    narrow = visit(small, "ops/pixel_shuffle.html", **PHONE)
    assert narrow.locator("pre.code[tabindex]").count() > 0

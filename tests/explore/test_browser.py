"""The page in a browser: what it shows equals its data, by keyboard, without an error."""

import shutil

import pytest

selenium = pytest.importorskip(
    "selenium", reason="needs selenium: pip install 'bnn-zoo[browser]'"
)
from selenium import webdriver  # noqa: E402
from selenium.webdriver.common.by import By  # noqa: E402
from selenium.webdriver.common.keys import Keys  # noqa: E402

BROWSER = shutil.which("chromium") or shutil.which("google-chrome")
DRIVER = shutil.which("chromedriver")
pytestmark = pytest.mark.skipif(
    not (BROWSER and DRIVER), reason="needs chromium and chromedriver"
)
OPTIONS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


@pytest.fixture(scope="module")
def browser(page_path, tmp_path_factory):
    options = webdriver.ChromeOptions()
    options.binary_location = BROWSER
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    folder = tmp_path_factory.mktemp("browser")
    for option in [*OPTIONS, f"--user-data-dir={folder}"]:
        options.add_argument(option)

    driver = webdriver.Chrome(options=options, service=webdriver.ChromeService(DRIVER))
    driver.get(page_path.as_uri())
    yield driver
    driver.quit()


def shown_scores(browser, view):
    cells = browser.find_elements(By.CSS_SELECTOR, f"#{view} td[data-score]")
    return [cell.text for cell in cells]


def opened(browser, view):
    browser.find_element(By.ID, f"tab-{view}").click()
    return browser.find_element(By.ID, view)


def pressed(browser, element, key):
    browser.find_element(By.ID, element).send_keys(key)


def written(values):
    return [f"{value:.2f}" for value in values]


def test_functions_show_the_scores_of_the_data(browser, page_data):
    data = page_data["functions"]
    opened(browser, "functions")
    for key, stop in ((Keys.HOME, 0), (Keys.ARROW_RIGHT, 1)):
        pressed(browser, "functions-step", key)
        fit = data["fits"][0][0][stop]
        assert shown_scores(browser, "functions") == written(fit["scores"])
        said = browser.find_element(By.ID, "functions-verdict").text
        assert fit["verdict"] in said

    pressed(browser, "functions-prior", Keys.ARROW_RIGHT)
    wider = data["fits"][0][1][1]
    assert shown_scores(browser, "functions") == written(wider["scores"])
    assert wider["scores"] != fit["scores"]

    picture = browser.find_element(By.ID, "functions-picture")
    before = picture.get_attribute("aria-valuetext")
    picture.send_keys(Keys.ARROW_RIGHT)
    assert picture.get_attribute("aria-valuetext") != before


def test_another_method_is_chosen_by_keyboard(browser, page_data):
    view = opened(browser, "functions")
    chips = view.find_elements(By.CSS_SELECTOR, "input[type=radio]")
    chips[0].send_keys(Keys.ARROW_RIGHT)
    stop = int(view.find_element(By.ID, "functions-step").get_attribute("value"))
    fit = page_data["functions"]["fits"][1][1][stop]
    assert shown_scores(browser, "functions") == written(fit["scores"])


def test_the_plane_shows_the_scores_of_the_data(browser, page_data):
    data = page_data["plane"]
    opened(browser, "plane")
    pressed(browser, "plane-step", Keys.HOME)
    assert shown_scores(browser, "plane") == written(data["fits"][0][0]["scores"])
    before = browser.find_element(By.ID, "plane-readout").text
    pressed(browser, "plane-picture", Keys.ARROW_UP * 3)
    assert browser.find_element(By.ID, "plane-readout").text != before


def test_pruning_shows_the_scores_of_the_data(browser, page_data):
    rule = page_data["pruning"]["rules"][0]
    opened(browser, "pruning")
    pressed(browser, "pruning-fraction", Keys.END)
    assert shown_scores(browser, "pruning") == written(rule["stops"][-1]["scores"])
    digits = browser.find_elements(By.CSS_SELECTOR, "#digits .digit")
    assert len(digits) == 20


def test_the_page_is_as_wide_as_a_phone(browser):
    size = {"width": 390, "height": 844, "deviceScaleFactor": 1, "mobile": True}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
    tabs = browser.find_elements(By.CSS_SELECTOR, "[role=tab]")
    for view in ("functions", "plane", "pruning"):
        opened(browser, view)
        width = browser.execute_script("return document.documentElement.scrollWidth")
        assert width <= 390, view
        assert len({tab.rect["y"] for tab in tabs}) == 1  # in one row
        assert all(tab.rect["height"] < 50 for tab in tabs)
    browser.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})


def test_a_link_to_a_view_shows_the_tabs(browser, page_path):
    browser.get("about:blank")
    browser.get(f"{page_path.as_uri()}#plane")
    assert browser.find_element(By.ID, "plane").is_displayed()
    assert browser.execute_script("return scrollY") == 0


def test_colours_follow_the_dark_mode(browser):
    paper = "return getComputedStyle(document.body).backgroundColor"
    found = []
    for theme in ("light", "dark"):
        media = [{"name": "prefers-color-scheme", "value": theme}]
        browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": media})
        found.append(browser.execute_script(paper))
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": []})
    assert found == ["rgb(255, 255, 255)", "rgb(23, 24, 26)"]


def test_everything_that_takes_the_keyboard_has_a_name(browser):
    operable = {
        "button",
        "checkbox",
        "group",
        "list",
        "radio",
        "slider",
        "tab",
        "table",
    }
    for view in ("functions", "plane", "pruning"):
        opened(browser, view)
        tree = browser.execute_cdp_cmd("Accessibility.getFullAXTree", {})
        for node in tree["nodes"]:
            role = node.get("role", {}).get("value")
            if node["ignored"] or role not in operable:
                continue
            name = node.get("name", {}).get("value", "")
            assert name, f"{view}: a {role} without a name"
            assert "✓" not in name


def test_the_console_has_no_error(browser):
    assert browser.get_log("browser") == []

"""The admin's pages under our content security policy, with their own scripts."""

from collections.abc import Callable

import pytest
from playwright.sync_api import expect

from tests.browser.visitor import PASSWORD, Visitor
from tests.product import Product

pytestmark = pytest.mark.browser

PROMOTE = """
from users.models import User
User.objects.filter(username="{name}").update(role="admin")
"""


def test_an_admin_disables_an_account(visit: Callable[..., Visitor], live_product: Product) -> None:
    somebody, chief = visit().join(), visit().join()
    live_product.manage("shell", "-c", PROMOTE.format(name=chief.name))
    admin = visit()
    page = admin.page
    page.goto("/django-admin/users/user/")
    page.get_by_label("Username").fill(chief.name)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Log in").click()
    page.locator("#searchbar").fill(somebody.name)
    page.locator("#searchbar").press("Enter")
    expect(page.locator("#result_list tbody tr")).to_have_count(1)
    page.locator("#result_list tbody input.action-select").check()
    page.locator("select[name=action]").select_option("disable")
    page.locator("button[name=index]").click()
    icon = page.locator("#result_list tbody td.field-is_active img")
    expect(icon).to_have_attribute("alt", "False")
    page.get_by_role("link", name=somebody.name).click()
    expect(page.get_by_role("heading", name=somebody.name)).to_be_visible()
    assert admin.complaints == []

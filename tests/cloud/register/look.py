"""What the tests look at on the server."""

from __future__ import annotations

from b2ct.one.objects.storage import Image
from b2ct.one.objects.vm import Template
from tests.cloud.shop import Shop


def there(shop: Shop) -> dict[str, Image]:
    one = shop.ground.one
    return {i.name: i for i in one.images.all(one.me.id) if i.name.startswith(shop.base)}


def the_template(shop: Shop) -> Template:
    (found,) = shop.ground.one.templates.named(shop.ground.name("template"))
    return found


def starts_from(shop: Shop) -> str:
    return the_template(shop).template.vector("DISK")["IMAGE"]

from __future__ import annotations

import io

import paramiko

from b2ct.core.sshkey import OneTimeKey


def test_the_key_is_one_of_its_own_in_every_run() -> None:
    one, two = OneTimeKey("b2ct-test"), OneTimeKey("b2ct-test")
    assert one.public != two.public
    assert one.public == one.public
    assert one.public.split()[0] == "ecdsa-sha2-nistp256"
    assert one.public.endswith(" b2ct-test")


def test_the_private_half_belongs_to_the_public_one() -> None:
    one = OneTimeKey("b2ct-test")
    read = paramiko.ECDSAKey.from_private_key(io.StringIO(one.private))
    assert read.get_base64() == one.public.split()[1]

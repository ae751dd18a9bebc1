"""The parsers, each with inputs that are right and with what it may raise."""

from __future__ import annotations

import base64
import gzip
import hashlib
import json
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from io import BytesIO
from pathlib import Path

from b2ct.core.errors import B2ctError
from b2ct.dirac import userdata
from b2ct.document import tree
from b2ct.gateway import answers, http, message, reply
from b2ct.gateway.errors import Malformed
from b2ct.gateway.message import Success
from b2ct.image.rootfs import rpmstate
from b2ct.media import bootcfg, installer
from b2ct.one import text, xml
from b2ct.one.objects.vm import Template, Vm
from b2ct.papers import header
from b2ct.site.load import load_text as load_site
from b2ct.squid import manifest
from b2ct.stick import sources
from b2ct.supply import checksums, packages
from b2ct.validate.facts import walls

Seeds = Callable[[], tuple[bytes, ...]]


@dataclass(frozen=True)
class Target:
    """A parser: what it does with bytes, what is right for it, how it may refuse the rest."""

    name: str
    run: Callable[[bytes], object]
    seeds: Seeds
    refuses: tuple[type[Exception], ...] = (B2ctError,)


def _text(parse: Callable[[str], object]) -> Callable[[bytes], object]:
    return lambda data: parse(data.decode("utf-8", "surrogateescape"))


@contextmanager
def _file(data: bytes, name: str = "file") -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="b2ct-fuzz-") as folder:
        path = Path(folder) / name
        path.write_bytes(data)
        yield path


def _on_disk(parse: Callable[[Path], object]) -> Callable[[bytes], object]:
    def run(data: bytes) -> object:
        with _file(data) as path:
            return parse(path)

    return run


# the gateway


def _document(data: bytes) -> None:
    for method in ("one.vmpool.info", "one.vm.info", "one.templatepool.info"):
        taker = answers.document(method, adapt=True)
        said = data.decode(errors="replace")
        for start in range(0, len(said), 100):
            taker.feed(said[start : start + 100])
        taker.close()


HEAD = b"POST /RPC2 HTTP/1.1\r\nHost: one\r\nContent-Type: text/xml\r\nContent-Length: 12\r\n\r\n"
CALL = message.call("one.template.instantiate", ("dirac:secret", 7, "vm", False, "A=b"))
POOL = "<VM_POOL>" + "".join(
    f"<VM><ID>{n}</ID><STATE>{n}</STATE><LCM_STATE>36</LCM_STATE><NAME><![CDATA[a]]></NAME></VM>"
    for n in range(12)
) + "</VM_POOL>"  # fmt: skip
TEMPLATE = (
    "<VMTEMPLATE><ID>1</ID><UID>0</UID><NAME>w</NAME><TEMPLATE><CPU><![CDATA[0.5]]></CPU>"
    "<DISK><IMAGE>a</IMAGE></DISK><CONTEXT><NETWORK>YES</NETWORK></CONTEXT></TEMPLATE></VMTEMPLATE>"
)
CONTEXT = b'NAME = "w"\nCPU=1 # c\nCONTEXT = [ NETWORK = "YES", A = "b\\"c", USERDATA = "eA==" ]\n'
CLOUD = b"#cloud-config\nwrite_files:\n- {path: /etc/x, content: a}\nruncmd: [[a, b]]\n"
MIME = userdata.merged(CLOUD, CLOUD.decode()).encode()


def _user_data(data: bytes) -> object:
    coded = base64.b64encode(data).decode()
    said = userdata.decode({"USERDATA": coded, "USERDATA_ENCODING": "base64"})
    return userdata.merged(CLOUD, said.decode(errors="replace"))


def _reply(data: bytes) -> object:
    return reply.parse(data)


def _object(data: bytes) -> object:
    root = xml.tree(data.decode(errors="replace"))
    return Template.parse(root), Vm.parse(root)


# media


@cache
def _iso() -> tuple[bytes, ...]:
    import pycdlib

    made = pycdlib.PyCdlib()
    made.new(interchange_level=3, joliet=3, rock_ridge="1.09", vol_ident="AlmaLinux-9-4")
    for folder in ("isolinux", "images", "images/pxeboot"):
        made.add_directory(
            f"/{folder.upper()}", rr_name=folder.rpartition("/")[2], joliet_path=f"/{folder}"
        )
    for path, data in (
        (".treeinfo", _TREEINFO), (".discinfo", _DISCINFO), ("isolinux/isolinux.cfg", _MENU),
        ("images/pxeboot/vmlinuz", b"k" * 4096), ("images/pxeboot/initrd.img", b"i"),
        ("images/install.img", b"s"), ("isolinux/isolinux.bin", b"b" * 2048),
    ):  # fmt: skip
        made.add_fp(
            BytesIO(data), len(data), f"/{path.upper().lstrip('.')};1",
            rr_name=path.rpartition("/")[2], joliet_path=f"/{path}",
        )  # fmt: skip
    made.add_eltorito(
        "/ISOLINUX/ISOLINUX.BIN;1", bootcatfile="/ISOLINUX/BOOT.CAT;1", rr_bootcatname="boot.cat",
        joliet_bootcatfile="/isolinux/boot.cat", boot_load_size=4, boot_info_table=True,
    )  # fmt: skip
    out = BytesIO()
    made.write_fp(out)
    made.close()
    return (out.getvalue(),)


_TREEINFO = (
    b"[general]\nfamily = AlmaLinux\nversion = 9.4\narch = x86_64\n[checksums]\n"
    b"images/install.img = sha256:" + b"0" * 64 + b"\n"
)
_DISCINFO = b"1714000000.000000\nAlmaLinux 9.4\nx86_64\n"
_MENU = (
    b"default vesamenu.c32\ntimeout 600\nmenu title AlmaLinux 9.4\nlabel linux\n"
    b"  menu label ^Install AlmaLinux 9.4\n  kernel vmlinuz\n  append initrd=initrd.img "
    b"inst.stage2=hd:LABEL=AlmaLinux-9-4 quiet\n"
)
_GRUB = (
    b"set default=0\nmenuentry 'Install AlmaLinux 9.4' --class red {\n  linuxefi /images/vmlinuz "
    b"inst.stage2=hd:LABEL=AlmaLinux-9-4 quiet\n  initrdefi /images/initrd.img\n}\n"
)
_SUMS = b"SHA256 (a.iso) = " + b"0" * 64 + b"\n" + b"1" * 64 + b" *b-latest.iso\n"
_LSBLK = json.dumps({"blockdevices": [
    {"name": "sda", "kname": "sda", "path": "/dev/sda", "maj:min": "8:0", "type": "disk",
     "size": 1 << 40, "fstype": None, "label": "a", "pttype": "gpt", "children": [
         {"name": "sda1", "kname": "sda1", "maj:min": "8:1", "fstype": "ext4", "label": "é"}]},
]}).encode()  # fmt: skip


def _menus(data: bytes) -> None:
    said = data.decode("utf-8", "surrogateescape")
    for kind in (bootcfg.ISOLINUX, bootcfg.GRUB):
        bootcfg.titles(kind, said)
        bootcfg.install_entry(kind, said)


# images and repositories


def _repository(data: bytes) -> object:
    """primary.xml, packed in each way; repomd.xml that fits it."""
    suffix, packed = (".xml", data) if data[:1] == b"<" else (".xml.gz", data)
    repomd = _REPOMD % (hashlib.sha256(packed).hexdigest().encode(), suffix.encode())
    with tempfile.TemporaryDirectory(prefix="b2ct-fuzz-") as folder:
        (Path(folder) / "repodata").mkdir()
        (Path(folder) / "repodata/repomd.xml").write_bytes(repomd)
        (Path(folder) / f"repodata/primary{suffix}").write_bytes(packed)
        return packages.check(["bash", "@core", "py*"], [folder])


def _repomd(data: bytes) -> object:
    with tempfile.TemporaryDirectory(prefix="b2ct-fuzz-") as folder:
        (Path(folder) / "repodata").mkdir()
        (Path(folder) / "repodata/repomd.xml").write_bytes(data)
        rpmstate._date(data)
        return packages.check(["bash"], [folder])


_REPOMD = (
    b'<repomd xmlns="http://linux.duke.edu/metadata/repo"><revision>1</revision>'
    b'<data type="primary"><checksum type="sha256">%s</checksum>'
    b'<location href="repodata/primary%s"/></data></repomd>'
)
_PRIMARY = (
    b'<metadata xmlns="http://linux.duke.edu/metadata/common" xmlns:rpm="http://linux.duke.edu/'
    b'metadata/rpm"><package type="rpm"><name>bash</name><format><rpm:provides><rpm:entry '
    b'name="sh"/></rpm:provides><file>/bin/bash</file></format></package></metadata>'
)
_QCOW2 = (
    b"QFI\xfb" + b"\0\0\0\x03" + bytes(8) + bytes(4) + b"\0\0\0\x10" + (1 << 30).to_bytes(8, "big")
    + bytes(4) + b"\0\0\0\x02" + b"\0\0\0\0\0\x03\0\0" + b"\0\0\0\0\0\x01\0\0" + b"\0\0\0\x01"
    + bytes(4) + bytes(8) + bytes(24) + b"\0\0\0\x04" + b"\0\0\0\x68" + bytes(512)
)  # fmt: skip
_PUBLISHED = (
    b"C" + b"a" * 40 + b"\nB1024\nRd41d8cd98f00b204e9800998ecf8427e\nD240\nS12\nGno\nAno\n"
    b"Ncvmfs.example.org\nX" + b"b" * 40 + b"\nT1700000000\n--\n" + b"c" * 40 + b"\n" + b"\1" * 256
)
_SITE = (
    b"site:\n  name: torino\n  domain: example.org\nnetworks:\n  m: {cidr: 10.0.0.0/24, "
    b"gateway: 10.0.0.1}\nnodes:\n  - name: one\n    role: single\n"
    b"    interfaces: [{mac: '52:54:00:00:00:01', network: m, address: 10.0.0.2}]\n"
)
_ZONES = (
    b"default public\npublic (active)\n  target: default\n  interfaces: eth0\n  services: ssh\n"
    b'  ports: 3128/tcp\n  rich rules: \n\trule family="ipv4" source address="10.0.0.0/24" port '
    b'port="2633" protocol="tcp" accept\n'
)


TARGETS = (
    Target("HTTP head", lambda data: http.parse_head(data + b"\r\n\r\n"),
           lambda: (HEAD[:-4],), (http.BadRequest,)),
    Target("XML-RPC call", message.parse, lambda: (CALL,), (Malformed,)),
    Target("beginning of a call", message.beginning, lambda: (CALL,), (Malformed,)),
    Target("XML-RPC answer", _reply, lambda: (
        b"".join(message.answer(Success(POOL))), b"".join(message.answer(Success(7))))),
    Target("pool of VMs", _document, lambda: (POOL.encode(),), ()),
    Target("OpenNebula object", _object, lambda: (TEMPLATE.encode(), POOL.encode())),
    Target("template text", _text(text.parse), lambda: (CONTEXT,)),
    Target("user data", _user_data, lambda: (CLOUD, MIME, gzip.compress(CLOUD, mtime=0))),
    Target("YAML document", _text(tree.parse), lambda: (_SITE, CLOUD)),
    Target("site.yaml", _text(load_site), lambda: (_SITE,)),
    Target("ISO 9660", _on_disk(installer.inspect), _iso),
    Target("boot menu", _menus, lambda: (_MENU, _GRUB), ()),
    Target("checksum file", _text(checksums.parse), lambda: (_SUMS,)),
    Target("lsblk", _text(sources.parse_lsblk), lambda: (_LSBLK,)),
    Target("repository index", _repomd, lambda: (_REPOMD % (b"0" * 64, b".xml"),)),
    Target("repository packages", _repository, lambda: (
        _PRIMARY, gzip.compress(_PRIMARY, mtime=0))),
    Target("QCOW2 header", _on_disk(header.need_plain), lambda: (_QCOW2,)),
    Target("CVMFS manifest", manifest.parse, lambda: (_PUBLISHED,), ()),
    Target("firewall zones", _text(walls.parse), lambda: (_ZONES,), ()),
)  # fmt: skip

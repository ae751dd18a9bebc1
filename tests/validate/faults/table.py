"""The faults, in rounds. docs/faults.md is made of this: script/faults."""

from __future__ import annotations

import shlex

from tests.validate.faults.fault import Fault

ONE, HV1, HV2 = "one", "hv1", "hv2"
_DOUBLE = "the double of oned is told to be so"
_STAND_IN = "SELinux: a stand-in answers `getenforce`"


def _double(orders: str) -> str:
    """Have the double of oned carry out lines of Python, in which `one` is the double."""
    return (
        "install -d -o oneadmin /run/b2ct-practice\n"
        f"cat > /run/b2ct-practice/oned.py <<'END'\n{orders}\nEND\n"
        "systemctl kill -s HUP opennebula\n"
        "for i in $(seq 100); do [ -e /run/b2ct-practice/oned.py ] || break; sleep 0.05; done\n"
        "[ ! -e /run/b2ct-practice/oned.py ]"
    )


def _answers(unit: str, title: str, port: int, status: int) -> str:
    """A stand-in of a service of OpenNebula answers with this HTTP status."""
    return (
        f"mkdir -p /run/systemd/system/{unit}.service.d\n"
        f"printf '[Service]\\nExecStart=\\nExecStart=/usr/libexec/b2ct-practice/answer {title}"
        f" {port} {status}\\n' > /run/systemd/system/{unit}.service.d/fault.conf\n"
        f"systemctl daemon-reload; systemctl restart {unit}; sleep 0.5"
    )


_ANSWERS_AGAIN = (
    "for i in $(seq 150); do curl -s -o /dev/null --max-time 2 http://127.0.0.1:3128/ && break;"
    " sleep 0.2; done"
)
"""squid takes its time to stop and to start."""


def _squid(what: str, change: str, *finds: str, told: bool = True) -> Fault:
    """squid.conf is changed by sed; `told`: squid reads it anew."""
    anew = "; squid -k reconfigure; sleep 1" if told else ""
    file = "/etc/squid/squid.conf"
    return Fault(
        what,
        ONE,
        f"cp -p {file} /root/; sed -i {shlex.quote(change)} {file}{anew}",
        finds,
        then=_ANSWERS_AGAIN,
    )


def _answers_again(unit: str) -> str:
    return (
        f"rm -r /run/systemd/system/{unit}.service.d\n"
        f"systemctl daemon-reload; systemctl restart {unit}"
    )


_SERVICES = (
    Fault("the scheduler is stopped", ONE, "systemctl stop opennebula-scheduler",
          ("scheduler-runs",)),
    Fault("OneFlow is stopped", ONE, "systemctl stop opennebula-flow", ("oneflow-runs",)),
    Fault("OneGate is stopped", ONE, "systemctl stop opennebula-gate", ("onegate-runs",)),
    Fault("Sunstone is stopped", ONE, "systemctl stop opennebula-fireedge", ("sunstone-runs",)),
    Fault("the hook manager is stopped", ONE, "systemctl stop opennebula-hem",
          ("hook-manager-runs",)),
    Fault("the agent of oneadmin's key is stopped", ONE, "systemctl stop opennebula-ssh-agent",
          ("ssh-agent-runs",)),
    Fault("hypervisors are no longer registered", ONE, "systemctl stop b2ct-register.timer",
          ("registration-runs",)),
    Fault("the database is stopped", ONE, "systemctl stop mariadb", ("database-runs",)),
    Fault("squid is stopped", ONE, "systemctl stop squid", ("squid-runs",)),
    Fault("the server of wpad.dat is stopped", ONE, "systemctl stop httpd", ("wpad-server-runs",)),
    Fault("libvirt is stopped", HV1, "systemctl stop libvirtd", ("libvirt-runs",)),
    Fault("chronyd is stopped", HV1, "systemctl stop chronyd", ("time-service-runs",),
          then="chronyc -n waitsync 40 0 0 0.5"),
    Fault("firewalld is stopped", HV2, "systemctl stop firewalld", ("firewall-runs",)),
    Fault("a service is not started at boot", HV2, "systemctl disable libvirtd",
          ("services-start-at-boot",), remedy="systemctl enable libvirtd"),
    Fault("some other service has failed", HV2,
          "systemd-run --quiet --unit=broken test -e /run/fine; sleep 0.3; touch /run/fine",
          ("nothing-else-failed",)),
)  # fmt: skip

_ANSWERS = (
    Fault("Sunstone answers with an error", ONE,
          _answers("opennebula-fireedge", "FireEdge", 2616, 500), ("sunstone-answers",),
          undo=_answers_again("opennebula-fireedge"), dressed="a stand-in of Sunstone"),
    Fault("OneFlow hangs", ONE, "systemctl kill -s STOP opennebula-flow", ("oneflow-answers",)),
    # What is asked in vain is waited for: so all who wait are in one round.
    Fault("the gateway is away", HV2,
          "nft 'add table arp away; add chain arp away in { type filter hook input priority 0 ; };"
          " add rule arp away in arp saddr ip '$NET'.1 drop'; ip neigh flush to $NET.1",
          ("gateway-answers", "name-servers-answer"), undo="nft delete table arp away",
          dressed="its answers are dropped by nftables"),
    Fault("a dead name server stands before the living one", HV1,
          "sed -i '1i nameserver 192.0.2.53' /etc/resolv.conf", ("name-servers-answer",)),
    Fault("OneGate answers with an error", ONE,
          _answers("opennebula-gate", "OneGate", 5030, 500), ("onegate-answers",),
          undo=_answers_again("opennebula-gate"), dressed="a stand-in of OneGate"),
    Fault("OneGate is announced at an address that no VM reaches", ONE,
          "sed -i.fault 's/^ONEGATE_ENDPOINT.*/ONEGATE_ENDPOINT = \"http:\\/\\/localhost:5030\"/'"
          " /etc/one/oned.conf", ("onegate-is-announced",)),
    Fault("transactions of the database are not isolated as they should be", ONE,
          "sed -i 's/^transaction-isolation/# &/' /etc/my.cnf.d/b2ct.cnf",
          ("database-isolation-is-right",)),
    Fault("an inner service listens to everybody", ONE,
          "systemd-run --quiet --unit=leak python3 -m http.server 13013; sleep 0.7",
          ("inner-services-stay-inside",), undo="systemctl stop leak"),
    Fault("the processor's virtualisation is off", HV1,
          "sed 's/ vmx\\b//; s/ svm\\b//' /proc/cpuinfo > /run/cpuinfo;"
          " mount --bind /run/cpuinfo /proc/cpuinfo", ("processor-virtualises",),
          undo="umount /proc/cpuinfo", dressed="another file lies over /proc/cpuinfo"),
    Fault("QEMU would run as root", HV1,
          "sed -i 's/^user = .*/user = \"root\"/' /etc/libvirt/qemu.conf",
          ("qemu-runs-as-oneadmin",), remedy="-opennebula-node"),
    Fault("oneadmin may not use KVM", HV2, "gpasswd -d oneadmin kvm > /dev/null",
          ("oneadmin-may-use-kvm",)),
    Fault("libvirt refuses oneadmin", HV2, "chmod 700 /run/libvirt/libvirt-sock",
          ("libvirt-answers-oneadmin",)),
    _squid("squid's configuration has a mistake", "1i acl oops nosuchtype 1",
           "squid-configuration-is-right", told=False),
    Fault("the public host key is not the one that site.yaml pins", HV1,
          "cp -p /etc/ssh/ssh_host_ed25519_key.pub /root/; ssh-keygen -q -t ed25519 -N '' -f"
          " /run/other; cp /run/other.pub /etc/ssh/ssh_host_ed25519_key.pub",
          ("host-key-is-the-pinned-one",),
          undo="cp -p /root/ssh_host_ed25519_key.pub /etc/ssh/; rm /run/other*"),
    Fault("a VM has failed", ONE,
          _double("from b2ct.rehearsal.oned.states import Lcm, VmState\n"
                  "made = one.rpc('one.template.instantiate', next(iter(one.cloud.templates)).id,"
                  " 'sick', True, '', False)\n"
                  "one.sick = one.cloud.vms[made]\n"
                  "one.held = one.sick.state, one.sick.lcm\n"
                  "one.sick.state, one.sick.lcm = VmState.ACTIVE, Lcm.BOOT_FAILURE"),
          ("vms-are-well@site",),
          undo=_double("one.sick.state, one.sick.lcm = one.held\n"
                       "one.rpc('one.vm.action', 'terminate-hard', one.sick.id)"),
          dressed=_DOUBLE),
)  # fmt: skip

_ACCESS = (
    Fault("one_auth is readable by everybody", ONE, "chmod 644 /var/lib/one/.one/one_auth",
          ("one-auth-is-closed",),
          remedy="chmod 600 /var/lib/one/.one/one_auth"),
    Fault("credentials of a service are readable by everybody", ONE,
          "echo serveradmin:x > /var/lib/one/.one/sunstone_auth;"
          " chown oneadmin: /var/lib/one/.one/sunstone_auth;"
          " chmod 644 /var/lib/one/.one/sunstone_auth", ("service-credentials-are-closed",),
          remedy="chmod 600 /var/lib/one/.one/sunstone_auth"),
    Fault("oned.conf is readable by everybody", ONE, "chmod 644 /etc/one/oned.conf",
          ("oned-configuration-is-closed",)),
    Fault("oneadmin's password was left from the installation", ONE,
          "echo secret > /etc/b2ct/oneadmin_password", ("no-password-was-left",)),
    Fault("the log of the installation is open", ONE, "chmod 755 /var/log/b2ct",
          ("installation-log-is-closed",)),
    Fault("another key opens root's account", HV1,
          "cp -p /root/.ssh/authorized_keys /root/keys;"
          " cat /etc/ssh/ssh_host_ed25519_key.pub >> /root/.ssh/authorized_keys",
          ("no-other-keys-of-root",),
          undo="cp -p /root/keys /root/.ssh/authorized_keys; rm /root/keys"),
    Fault("sshd takes passwords", HV1,
          "sed -i 's/^PasswordAuthentication no/PasswordAuthentication yes/' /etc/ssh/sshd_config",
          ("sshd-takes-no-passwords",)),
    Fault("root may log in by password", HV2,
          "sed -i 's/^PermitRootLogin .*/PermitRootLogin yes/' /etc/ssh/sshd_config",
          ("root-logs-in-by-key-only",)),
    Fault("oneadmin takes any host key", HV1,
          "sed -i 's/StrictHostKeyChecking .*/StrictHostKeyChecking no/' /var/lib/one/.ssh/config",
          ("oneadmin-checks-host-keys",)),
    Fault("oneadmin's keys may be changed by others", HV1,
          "chmod 666 /var/lib/one/.ssh/authorized_keys", ("oneadmin-keys-are-closed",)),
    Fault("SELinux is permissive", HV2, "setenforce 0", ("selinux-enforces",),
          dressed=_STAND_IN),
    Fault("SELinux will be permissive after a restart", HV2,
          "sed -i 's/^SELINUX=.*/SELINUX=permissive/' /etc/selinux/config",
          ("selinux-stays-enforcing",)),
    Fault("the control node's key is no longer trusted", HV2,
          "sed -i '/cert-authority/d' /var/lib/one/.ssh/authorized_keys",
          ("control-node-is-trusted",)),
    Fault("the VM template of the worker is gone", ONE,
          _double("pool = one.cloud.templates._objects\n"
                  "one.gone = {n: pool.pop(n) for n in list(pool)}"),
          ("templates-are-registered@site",), dressed=_DOUBLE),
    _squid("squid listens on another port", "s/^http_port .*/http_port 3333/", "squid-answers"),
)  # fmt: skip

_FIREWALL = (
    Fault("a port of the control node is closed", ONE,
          "firewall-cmd --quiet --remove-rich-rule='rule family=\"ipv4\" source"
          " address=\"'$NET'.0/24\" port port=\"2633\" protocol=\"tcp\" accept'",
          ("firewall-has-its-openings",)),
    Fault("the firewall lets something through that nobody asked for", HV1,
          "firewall-cmd --quiet --add-port=9999/tcp", ("firewall-has-no-other-openings",),
          remedy="--remove-port=9999/tcp"),
    Fault("the ports of migration are closed", HV2,
          "firewall-cmd --quiet --remove-rich-rule='rule family=\"ipv4\" source"
          " address=\"'$NET'.0/24\" port port=\"49152-49215\" protocol=\"tcp\" accept'",
          ("migration-ports-are-open",)),
    Fault("sshd's settings have a mistake", HV1, "echo 'Nonsense yes' >> /etc/ssh/sshd_config",
          ("sshd-settings-are-right",), undo="sed -i '/^Nonsense/d' /etc/ssh/sshd_config"),
    Fault("the time zone is another one", HV1,
          "ln -sf /usr/share/zoneinfo/Europe/Rome /etc/localtime", ("time-zone-is-right",),
          remedy="timedatectl set-timezone UTC"),
    Fault("the clock follows no time server", HV2,
          "sed -i.fault 's/^server .*/server 192.0.2.123 iburst/' /etc/chrony.conf;"
          " systemctl restart chronyd; sleep 0.5",
          ("clock-is-in-sync", "time-servers-are-as-asked"),
          then="chronyc -n waitsync 40 0 0 0.5"),
    Fault("a clock is a minute ahead", HV1,
          "printf '#!/bin/bash\\nexec /bin/date -d \"1 minute\" \"$@\"\\n'"
          " > /usr/local/bin/date; chmod 755 /usr/local/bin/date", ("clocks-agree@site",),
          undo="rm /usr/local/bin/date", dressed="`date` of the node says so: all nodes have one"
          " clock", not_here="all nodes have this computer's clock"),
    Fault("the machine has another name", HV2, "hostname wrong.practice.example.org",
          ("host-name-is-right",),
          remedy="hostnamectl set-hostname hv2.practice.example.org"),
    Fault("the release is another one", ONE,
          "sed -i.fault 's/^VERSION_ID=.*/VERSION_ID=\"8.10\"/' /etc/os-release",
          ("release-is-as-asked",), undo="mv /etc/os-release.fault /etc/os-release",
          dressed="the node only says that it is EL"),
    Fault("one hypervisor is of another minor release", HV2,
          "sed -i.fault 's/^VERSION_ID=.*/VERSION_ID=\"9.4\"/' /etc/os-release",
          ("hypervisors-are-alike@site",), undo="mv /etc/os-release.fault /etc/os-release",
          dressed="the node only says that it is EL"),
    Fault("packages are taken without signatures", ONE,
          "printf '[wild]\\nenabled=1\\ngpgcheck=0\\n' > /etc/yum.repos.d/wild.repo",
          ("packages-are-signed",)),
    Fault("no update was installed for months", ONE,
          "mkdir -p /var/lib/rpm; touch -d '200 days ago' /var/lib/rpm/rpmdb.sqlite",
          ("updates-are-installed",), undo="rm /var/lib/rpm/rpmdb.sqlite",
          dressed="an empty file in the place of rpm's database"),
    _squid("squid keeps nothing on disk", "s/^cache_dir/# cache_dir/", "cache-is-on-disk",
           told=False),
    Fault("oneadmin has another number", HV2,
          "sed -i 's/^oneadmin:x:9869:9869:/oneadmin:x:9870:9870:/' /etc/passwd",
          ("oneadmin-is-9869", "datastores-are-writable"),
          remedy="usermod -u 9869"),
    Fault("the front-end uses no database of its own", ONE,
          "cp -p /etc/one/oned.conf /root/; sed -i 's/BACKEND = \"mysql\"/BACKEND = \"sqlite\"/'"
          " /etc/one/oned.conf", ("database-is-used",), undo="cp -p /root/oned.conf /etc/one/"),
)  # fmt: skip

_NETWORK = (
    Fault("a bridge has lost its card", HV1, "ip link set eth1 nomaster",
          ("bridges-have-their-members",),
          remedy="ip link set eth1 master br-private"),
    Fault("a bridge is missing", HV2, "ip link delete br-private", ("bridges-are-there",)),
    Fault("devices are narrower than the network", HV2,
          "ip link set br-service mtu 1400; ip link set eth0 mtu 1400", ("mtu-is-right",)),
    Fault("the default route leads elsewhere", HV1, "ip route replace default via $NET.254",
          ("default-route-is-right",)),
    Fault("a name leads to a wrong address", HV1,
          "sed -i.fault \"s/^$NET.10 /$NET.99 /\" /etc/hosts", ("names-lead-to-nodes",)),
    Fault("an address leads back to a wrong name", ONE,
          "cp /etc/hosts /etc/hosts.fault; sed -i \"1i $NET.12 elsewhere.example.org\" /etc/hosts",
          ("addresses-lead-to-names",)),
    Fault("a hypervisor was installed anew: its host key is another one", ONE,
          "cp -p /etc/b2ct/hypervisors /root/; sed -i \"s|^hv2 .*|hv2 $NET.12"
          " $(cut -d ' ' -f 1,2 /etc/ssh/ssh_host_ed25519_key.pub)|\" /etc/b2ct/hypervisors;"
          " /usr/libexec/b2ct/register", ("registration-is-complete",),
          remedy="b2ct-register --forget hv2"),
    _squid("squid refuses the servers of CVMFS", "/^http_access allow servers/d",
           "repositories-come-through-squid"),
    Fault("the name server is another one", ONE,
          "cp /etc/resolv.conf /etc/resolv.conf.fault;"
          " echo 'nameserver 192.0.2.53' > /etc/resolv.conf",
          ("name-servers-are-as-asked",)),
    Fault("wpad.dat names no squid", ONE,
          "cp -p /var/www/b2ct-wpad/wpad.dat /root/; sed -i 's/:3128/:8080/g'"
          " /var/www/b2ct-wpad/wpad.dat", ("wpad-file-is-right",),
          undo="cp -p /root/wpad.dat /var/www/b2ct-wpad/"),
)  # fmt: skip

_WAYS = (
    Fault("a switch swallows large packets", HV1,
          "nft 'add table ip narrow; add chain ip narrow in { type filter hook input priority -300"
          " ; }; add rule ip narrow in ip protocol icmp ip length > 1400 drop'",
          ("full-packets-pass@site",), undo="nft delete table ip narrow",
          dressed="a rule of nftables is the switch"),
    Fault("a cable is out", HV2, "ip link set eth1 down", ("links-are-up",)),
    Fault("oneadmin does not know the other machines", HV2,
          "cp -p /var/lib/one/.ssh/known_hosts /root/known; : > /var/lib/one/.ssh/known_hosts",
          ("oneadmin-knows-the-nodes@site",), remedy="b2ct-register"),
    Fault("VMs may not read their disks: a program is missing", ONE,
          "mv /usr/bin/qemu-img /root/", ("disk-tools-are-there",),
          undo="mv /root/qemu-img /usr/bin/",
          not_here="`dnf` is a stand-in"),
    Fault("the drivers are older than the front-end", HV1,
          "mkdir -p /var/tmp/one; echo 6.8.0 > /var/tmp/one/VERSION", ("drivers-are-in-step",),
          undo="rm -r /var/tmp/one", remedy="onehost sync --force",
          not_here="`onehost` is a stand-in"),
    Fault("the kernel reports a failing disk", HV2,
          "mkdir -p /run/b2ct-practice; echo '[9.9] blk_update_request: I/O error, dev sda, sector"
          " 2048' > /run/b2ct-practice/kernel-messages", ("disks-report-no-errors",),
          undo="rm /run/b2ct-practice/kernel-messages",
          dressed="`dmesg` of a node shows a file: nodes have no kernel of their own"),
    Fault("logs end with each restart", HV2,
          # journald makes its folder again as long as it is told to keep it.
          "mv /etc/systemd/journald.conf.d/b2ct.conf /root/; systemctl restart systemd-journald;"
          " rm -r /var/log/journal; systemctl restart systemd-journald", ("journal-is-kept",),
          then="mv /root/b2ct.conf /etc/systemd/journald.conf.d/"),
    Fault("the machine was installed in another role", HV2,
          "sed -i 's/^role=.*/role=control/' /etc/b2ct/installation",
          ("node-is-who-it-should-be",),
          undo="sed -i 's/^role=.*/role=hypervisor/' /etc/b2ct/installation"),
    Fault("no kickstart of ours installed the machine", HV1,
          "mv /etc/b2ct/installation /root/", ("kickstart-installed-it",),
          undo="mv /root/installation /etc/b2ct/"),
    Fault("the first boot has not finished", ONE,
          "rm /var/lib/b2ct/firstboot.done; echo 'B2CT first boot: 3 of 5 done' >"
          " /run/b2ct/firstboot", ("first-boot-is-done",)),
    Fault("oneadmin's key has lost its certificate", ONE,
          "mv /var/lib/one/.ssh/id_ed25519-cert.pub /root/",
          ("oneadmin-key-is-certified", "oneadmin-reaches-hypervisors@site")),
    Fault("a card was swapped", HV1, "ip link set eth1 address 52:54:00:00:00:99",
          ("cards-are-there",), undo="ip link set eth1 address $(cut -d ' ' -f 1"
          " /sys/class/net/br-private/address)"),
    Fault("a hypervisor was taken out by hand", ONE,
          _double("one.rpc('one.host.status', one.cloud.hosts.named('hv2').id, 1)"),
          ("hosts-take-vms@site",),
          dressed=_DOUBLE, remedy="b2ct drain --undo hv2"),
    _squid("squid's cache is switched off", "1i cache deny all", "second-fetch-is-a-hit"),
    Fault("QEMU is missing", HV1, "mv /usr/libexec/qemu-kvm /usr/bin/qemu-system-x86_64 /root/",
          ("qemu-is-there",), undo="mv /root/qemu-kvm /usr/libexec/;"
          " mv /root/qemu-system-x86_64 /usr/bin/", remedy="dnf -y install qemu-kvm",
          not_here="`dnf` is a stand-in"),
)  # fmt: skip

_STORAGE = (
    Fault("the datastores are full", ONE,
          "mount -o remount,size=4M /var/lib/one/datastores;"
          " head -c 4190208 /dev/zero > /var/lib/one/datastores/full", ("datastores-have-room",),
          undo="rm /var/lib/one/datastores/full; mount -o remount,size=1G"
          " /var/lib/one/datastores"),
    Fault("the datastores are not mounted", HV1, "umount /var/lib/one/datastores",
          ("datastores-are-mounted",),
          undo="mount -t tmpfs -o mode=750,uid=9869,gid=9869,size=1G tmpfs"
          " /var/lib/one/datastores",
          dressed="the volume is one of memory", not_here="a practice node has no fstab"),
    Fault("the datastores belong to root", HV2, "chown 0:0 /var/lib/one/datastores",
          ("datastores-belong-to-oneadmin",),
          remedy="chown 9869:9869 /var/lib/one/datastores"),
    Fault("the system's disk is full", HV1,
          "mkdir -p /root/log; mount -t tmpfs -o size=1M tmpfs /var/log/; mkdir /var/log/journal;"
          " install -d -m 700 /var/log/b2ct; head -c 1048576 /dev/zero > /var/log/full || :",
          ("system-disk-has-room",), undo="umount -l /var/log",
          dressed="a small volume of memory lies over /var/log"),
    Fault("squid's list of clients lacks a network", ONE,
          "cp -p /etc/squid/squid.conf /root/squid.conf;"
          " sed -i 's/^acl clients src 10.*/acl clients src '$NET'.0\\/24/' /etc/squid/squid.conf",
          ("squid-knows-its-clients",), then=_ANSWERS_AGAIN),
    Fault("squid's cache may grow past its volume", ONE,
          "sed -i 's/^\\(cache_dir ufs [^ ]*\\) [0-9]*/\\1 99999/' /etc/squid/squid.conf",
          ("cache-fits-its-volume",), then=_ANSWERS_AGAIN),
    # It ends by itself when it has something to write, which is not always: here at once.
    Fault("squid cannot write its cache", ONE,
          "chown root: /var/spool/squid; systemctl kill -s KILL squid; systemctl start squid || :",
          ("cache-is-squids-own",),
          remedy="chown -R squid:squid /var/spool/squid; systemctl restart squid"),
    Fault("oned answers nobody", ONE,
          "nft 'add table inet deaf; add chain inet deaf in { type filter hook input priority -300"
          " ; }; add rule inet deaf in tcp dport 2633 reject'", ("oned-answers",),
          undo="nft delete table inet deaf"),
    Fault("a file system was switched to read-only", HV2,
          "mount --bind /tmp /tmp; mount -o remount,bind,ro /tmp",
          ("file-systems-are-writable", "hypervisors-reach-each-other@site"),
          undo="umount /tmp"),
)  # fmt: skip

_SQUID = (
    Fault("squid admits the world, to anywhere", ONE,
          "cp -p /etc/squid/squid.conf /root/squid.conf;"
          " sed -i '0,/^http_access/s//http_access allow all\\nhttp_access/'"
          " /etc/squid/squid.conf; squid -k reconfigure; sleep 1",
          ("squid-refuses-foreign-clients", "squid-refuses-other-servers",
           "squid-refuses-tunnels"), then=_ANSWERS_AGAIN),
    Fault("the datastores fill up", HV1,
          "mount -o remount,size=4M /var/lib/one/datastores;"
          " head -c 3700000 /dev/zero > /var/lib/one/datastores/much", ("datastores-stay-roomy",),
          undo="rm /var/lib/one/datastores/much; mount -o remount,size=1G"
          " /var/lib/one/datastores"),
    Fault("everybody may write to the datastores", HV2, "chmod 777 /var/lib/one/datastores",
          ("datastores-are-closed",)),
    Fault("there is no KVM", HV1, "mv /dev/kvm /dev/kvm.fault", ("kvm-is-there",),
          undo="mv /dev/kvm.fault /dev/kvm", not_here="nodes may load no modules"),
    Fault("a hypervisor does not pass the lent key on", HV2,
          "cp -p /etc/ssh/sshd_config /root/; sed -i '1i AllowAgentForwarding no'"
          " /etc/ssh/sshd_config; systemctl reload sshd; sleep 1",
          ("hypervisors-reach-each-other@site",)),
    Fault("the password in one_auth is another one", ONE,
          "cp -p /var/lib/one/.one/one_auth /root/; sed -i 's/:.*/:somethingelse/'"
          " /var/lib/one/.one/one_auth", ("opennebula-lets-us-in@site",),
          undo="cp -p /root/one_auth /var/lib/one/.one/"),
    Fault("one node does not hear another", HV1,
          "nft 'add table ip deaf; add chain ip deaf in { type filter hook input priority -300 ; };"
          " add rule ip deaf in ip saddr '$NET'.12 ip protocol icmp drop'",
          ("networks-connect-nodes@site",), undo="nft delete table ip deaf",
          dressed="a rule of nftables is the switch"),
    Fault("OneFlow answers the machine itself alone", ONE,
          "sed 's/0[.]0[.]0[.]0/127.0.0.1/' /usr/libexec/b2ct-practice/answer >"
          " /usr/libexec/b2ct-practice/inward; chmod 755 /usr/libexec/b2ct-practice/inward;"
          " mkdir -p /run/systemd/system/opennebula-flow.service.d;"
          " printf '[Service]\\nExecStart=\\nExecStart=/usr/libexec/b2ct-practice/inward OneFlow"
          " 2474\\n' > /run/systemd/system/opennebula-flow.service.d/fault.conf;"
          " systemctl daemon-reload; systemctl restart opennebula-flow; sleep 0.5",
          ("services-listen-for-others",), undo=_answers_again("opennebula-flow"),
          dressed="a stand-in of OneFlow"),
)  # fmt: skip

_CLOUD = (
    # Where no fault is squid's, whose log lies below it.
    Fault("the system's disk fills up", ONE,
          "mount -t tmpfs -o size=1M tmpfs /var/log/; mkdir /var/log/journal;"
          " install -d -m 700 /var/log/b2ct; head -c 930000 /dev/zero > /var/log/much",
          ("system-disk-stays-roomy",), undo="umount -l /var/log",
          dressed="a small volume of memory lies over /var/log"),
    Fault("a hypervisor is not monitored", ONE,
          _double("next(h for h in one.cloud.hosts if h.name == 'hv2').fail('no answer')"),
          ("hosts-are-monitored@site",),
          undo=_double("next(h for h in one.cloud.hosts if h.name == 'hv2').monitored()"),
          not_here="the double of oned fails until it is told otherwise",
          dressed=_DOUBLE),
    Fault("an image is in ERROR", ONE,
          _double("from b2ct.rehearsal.oned.states import ImageState\n"
                  "for image in one.cloud.images: image.state = ImageState.ERROR"),
          ("images-are-usable@site", "images-are-registered@site"),
          undo=_double("from b2ct.rehearsal.oned.states import ImageState\n"
                       "for image in one.cloud.images: image.state = ImageState.READY"),
          dressed=_DOUBLE),
    Fault("a datastore has another driver", ONE,
          _double("one.rpc('one.datastore.update', 1, 'TM_MAD=\"shared\"', 1)"),
          ("datastores-have-their-drivers@site",),
          dressed=_DOUBLE),
    Fault("a virtual network differs from site.yaml", ONE,
          _double("one.cloud.vnets.named('private').template.set('BRIDGE', 'br-other')"),
          ("networks-are-as-described@site",),
          dressed=_DOUBLE, remedy="b2ct apply"),
    Fault("a hypervisor is not registered", ONE,
          _double("pool = one.cloud.hosts._objects\n"
                  "one.lost = {n: pool.pop(n) for n in list(pool) if pool[n].name == 'hv1'}"),
          ("hosts-are-registered@site",), dressed=_DOUBLE),
)  # fmt: skip

_REST = (
    Fault("nobody listens where hypervisors report", ONE,
          _double("import gc, socket\n"
                  "for s in gc.get_objects():\n"
                  "    if isinstance(s, socket.socket) and s.fileno() >= 0:\n"
                  "        if s.getsockname()[1:2] == (4124,): s.close()"),
          ("services-have-their-ports",), dressed=_DOUBLE),
    Fault("the squid cannot be reached from a hypervisor", HV1,
          "nft 'add table ip deaf; add chain ip deaf out { type filter hook output priority 0 ; };"
          " add rule ip deaf out tcp dport 3128 drop'", ("squid-is-reached@site",),
          undo="nft delete table ip deaf"),
    Fault("a device has a second address", HV1, "ip address add $NET.77/24 dev br-service",
          ("no-other-addresses",), remedy="ip address del"),
    Fault("a router has announced itself", ONE, "ip -6 route add default via fe80::77 dev eth0",
          ("no-ipv6-default-route",)),
    Fault("a member of a bridge lets nothing through", HV1,
          "ip link set br-private type bridge forward_delay 3000 stp_state 1;"
          " ip link set eth1 down; ip link set eth1 up", ("bridge-ports-carry",)),
    Fault("a member of a bridge is too narrow", HV2, "ip link set eth1 mtu 1280",
          ("bridge-ports-carry",), remedy="mtu 1500"),
    Fault("/var/tmp is full", HV2,
          "mount -t tmpfs -o size=1M tmpfs /var/tmp; head -c 1048576 /dev/zero > /var/tmp/full"
          " || :", ("system-disk-has-room",), undo="umount -l /var/tmp",
          dressed="a small volume of memory lies over /var/tmp"),
    Fault("there is no room for files, although there is room", ONE,
          "mount -t tmpfs -o nr_inodes=20 tmpfs /srv; touch /srv/{1..30} 2> /dev/null || :",
          ("system-disk-has-room",), undo="umount -l /srv", dressed="a volume of memory"),
    Fault("the datastores have no room for files", HV1,
          "umount /var/lib/one/datastores; mount -t tmpfs -o mode=750,uid=9869,gid=9869,size=1G,"
          "nr_inodes=20 tmpfs /var/lib/one/datastores; touch /var/lib/one/datastores/{1..30}"
          " 2> /dev/null || :", ("datastores-have-room",),
          undo="rm /var/lib/one/datastores/*; mount -o remount,nr_inodes=9999"
          " /var/lib/one/datastores", dressed="a volume of memory"),
    Fault("names are looked up in /etc/hosts alone", HV2,
          "sed -i.fault 's/^hosts:.*/hosts: files/' /etc/nsswitch.conf",
          ("outside-names-are-known",), undo="mv /etc/nsswitch.conf.fault /etc/nsswitch.conf"),
    _squid("squid keeps nothing that is large", "s/^maximum_object_size .*/maximum_object_size 9"
           " KB/", "cache-keeps-cvmfs"),
    Fault("the database is read-only", ONE, "mysql -e 'SET GLOBAL read_only = 1'",
          ("database-takes-writes",)),
    Fault("a service leaves dead processes behind", HV2,
          "printf '%s\\n' 'import os, time'"
          " 'for _ in range(99 * (not os.path.exists(\"/run/dead\"))):'"
          " '    os.fork() or os._exit(0)' 'open(\"/run/dead\", \"w\")' 'time.sleep(999)'"
          " > /root/dead.py; systemd-run --quiet --unit=undertaker python3 /root/dead.py;"
          " sleep 0.5",
          ("processes-are-few",), remedy="systemctl restart undertaker.service"),
    Fault("oneadmin is near its limit of processes", HV1,
          # The kernel also counts what a user of this number runs outside the node: room for those.
          "systemd-run --quiet --unit=crowd -p User=oneadmin -p TasksMax=infinity python3 -c"
          " 'import threading as t; t.stack_size(65536);"
          " [t.Thread(target=t.Event().wait).start() for _ in range(1500)]'; sleep 0.5;"
          " echo 'oneadmin - nproc 1700' > /etc/security/limits.d/fault.conf",
          ("processes-are-few",),
          undo="systemctl stop crowd; rm /etc/security/limits.d/fault.conf"),
    Fault("libvirt's own network is up", HV1,
          "virsh -q net-undefine default || :; printf '<network><name>default</name><forward"
          " mode=\"open\"/><bridge name=\"virbr0\"/><ip address=\"192.168.122.1\""
          " netmask=\"255.255.255.0\"/></network>' > /root/default.xml;"
          " virsh -q net-define /root/default.xml; virsh -q net-start default",
          ("default-network-is-off",),
          dressed="it is routed, without the NAT that needs iptables"),
    Fault("an address has another prefix", HV2,
          "ip address add $NET.12/16 dev br-service; ip address del $NET.12/24 dev br-service;"
          " ip route replace default via $NET.1", ("addresses-are-right",),
          then="ip address del $NET.12/16 dev br-service; ip route replace default via $NET.1"),
    Fault("an administrator's key is gone", HV1, "sed -i '$d' /root/.ssh/authorized_keys",
          ("admins-can-log-in",)),
    Fault("OpenNebula has not measured its datastores", ONE,
          _double("one.sizes = [(s, s.capacity) for s in one.cloud.datastores]\n"
                  "for s, _ in one.sizes: s.capacity = (0, 0, 0)"),
          ("datastores-are-measured@site",),
          undo=_double("for s, sizes in one.sizes: s.capacity = sizes"), dressed=_DOUBLE),
    Fault("a private host key is readable by everybody", HV2,
          "ssh-keygen -q -t ecdsa -N '' -f /etc/ssh/ssh_host_ecdsa_key;"
          " chmod 644 /etc/ssh/ssh_host_ecdsa_key", ("host-keys-are-closed",),
          then="rm /etc/ssh/ssh_host_ecdsa_key*"),
    Fault("others may change root's keys", HV1,
          "sed -i.fault '1i StrictModes no' /etc/ssh/sshd_config; systemctl reload sshd;"
          " chmod 666 /root/.ssh/authorized_keys; sleep 1", ("root-keys-are-closed",),
          then="mv /etc/ssh/sshd_config.fault /etc/ssh/sshd_config; systemctl reload sshd;"
          " sleep 1"),
    Fault("the hypervisor swaps", HV1,
          "sed 's/^SwapTotal:.*/SwapTotal: 1000000 kB/; s/^SwapFree:.*/SwapFree: 1000 kB/'"
          " /proc/meminfo > /run/meminfo; mount --bind /run/meminfo /proc/meminfo",
          ("memory-suffices",), undo="umount /proc/meminfo",
          dressed="another file lies over /proc/meminfo"),
    Fault("a newer kernel is installed than the one that runs", HV2,
          "touch /boot/vmlinuz-$(uname -r) /boot/vmlinuz-99.0.0", ("newest-kernel-runs",),
          undo="rm /boot/vmlinuz-*", dressed="empty files below /boot"),
    Fault("a VM runs that OpenNebula does not know", HV2,
          "printf '#!/bin/bash\\nif [ \"$*\" = \"-c qemu:///system list --name\" ]; then echo"
          " one-4711; else exec /usr/bin/virsh \"$@\"; fi\\n' > /usr/local/bin/virsh;"
          " chmod 755 /usr/local/bin/virsh", ("no-stray-vms@site",),
          undo="rm /usr/local/bin/virsh", not_here="no VM can run",
          dressed="`virsh` of the node says so"),
)  # fmt: skip

_LAST = (
    Fault("oned is stopped", ONE, "systemctl stop opennebula", ("oned-runs",)),
    Fault("sshd is stopped", HV1, "systemctl stop sshd", ("answers-ssh",),
          undo="systemctl start sshd"),
    Fault("the host key may be read by others, so sshd does not take it", HV2,
          "chmod 644 /etc/ssh/ssh_host_ed25519_key", ("answers-ssh",),
          undo="chmod 600 /etc/ssh/ssh_host_ed25519_key"),
)  # fmt: skip

ROUNDS = (
    _SERVICES, _ANSWERS, _ACCESS, _FIREWALL, _NETWORK, _WAYS, _STORAGE, _SQUID, _CLOUD, _REST,
    _LAST,
)  # fmt: skip

_SSHD = "cp -p /etc/ssh/sshd_config /root/; {}; systemctl reload sshd; sleep 0.5"
_REACHES = "oneadmin-reaches-hypervisors@site"
LOGINS = (
    Fault("a hypervisor's sshd refuses oneadmin by name", HV2,
          _SSHD.format("echo 'DenyUsers oneadmin' >> /etc/ssh/sshd_config"), (_REACHES,),
          remedy="DenyUsers"),
    Fault("a hypervisor's sshd lets in others by name", HV1,
          _SSHD.format("echo 'AllowUsers root' >> /etc/ssh/sshd_config"), (_REACHES,),
          remedy="AllowUsers"),
    Fault("a hypervisor's sshd lets in another group", HV2,
          _SSHD.format("echo 'AllowGroups root' >> /etc/ssh/sshd_config"), (_REACHES,),
          remedy="AllowGroups"),
    Fault("oneadmin's account has expired", HV1, "chage -E 1 oneadmin", (_REACHES,),
          remedy="chage -E -1 oneadmin"),
    Fault("oneadmin's password has expired", HV2, "usermod -p '*' oneadmin;"
          " chage -M 1 -I 1 -d 1 oneadmin", (_REACHES,), remedy="chage"),
    Fault("oneadmin's shell lets nobody in", HV2, "usermod -s /usr/sbin/nologin oneadmin",
          ("oneadmin-is-9869",), remedy="usermod -s /bin/bash"),
    Fault("oneadmin's home may be changed by others", HV1, "chmod 777 /var/lib/one",
          ("oneadmin-keys-are-closed",), remedy="chmod go-w /var/lib/one"),
    Fault("only root may log in: there is a file nologin", HV2, "touch /etc/nologin", (_REACHES,),
          remedy="rm -f /etc/nologin"),
    Fault("the certificate of oneadmin's key has expired", ONE,
          "cd /var/lib/one/.ssh; ssh-keygen -q -s /etc/ssh/ssh_host_ed25519_key -I fault"
          " -n oneadmin -V 20200101:20200102 id_ed25519.pub",
          ("oneadmin-key-is-certified", _REACHES),
          remedy="sign-oneadmin"),
    Fault("packets to a hypervisor's sshd are dropped", HV1,
          "nft 'add table ip deaf; add chain ip deaf in { type filter hook input priority -300 ; };"
          " add rule ip deaf in ip saddr '$NET'.10 tcp dport 22 drop'", (_REACHES,),
          undo="nft delete table ip deaf", remedy="nft list ruleset"),
    Fault("packets to a hypervisor's sshd are refused", HV2,
          "nft 'add table ip deaf; add chain ip deaf in { type filter hook input priority -300 ; };"
          " add rule ip deaf in ip saddr '$NET'.10 tcp dport 22 reject'", (_REACHES,),
          undo="nft delete table ip deaf", remedy="nft list ruleset"),
    Fault("oneadmin may start no processes on a hypervisor", HV2,
          "systemd-run --quiet --unit=crowd -p User=oneadmin bash -c 'for i in $(seq 30); do sleep"
          " 999 & done; wait'; sleep 0.5;"
          " echo 'oneadmin hard nproc 20' > /etc/security/limits.d/fault.conf", (_REACHES,),
          undo="systemctl stop crowd; rm /etc/security/limits.d/fault.conf",
          remedy="limits.d"),
    Fault("the control node's /tmp is read-only: no agent can lend oneadmin's key", ONE,
          "mount --bind /tmp /tmp; mount -o remount,bind,ro /tmp",
          ("file-systems-are-writable", _REACHES), undo="umount /tmp"),
)  # fmt: skip
"""One at a time: each has the same finding, whose words and remedy tell them apart."""

FAULTS = (*(fault for faults in ROUNDS for fault in faults), *LOGINS)

#!/bin/bash
# Runs in the Debian root of a practice node before anything else does: things get the names and
# places that they have on Enterprise Linux, so that kickstarts' scripts and checks find them there.
set -euo pipefail

cat > /etc/os-release <<'END'
NAME="AlmaLinux"
VERSION="9 (practice node of B2CT: Debian in EL9's clothes)"
ID="almalinux"
ID_LIKE="rhel centos fedora"
VERSION_ID="9.0"
PRETTY_NAME="AlmaLinux 9 (practice node of B2CT, in truth Debian 12)"
CPE_NAME="cpe:/o:almalinux:almalinux:9::baseos"
END
echo 'AlmaLinux release 9.0 (practice)' > /etc/redhat-release
rm -f /etc/debian_version

# Where this is installed from a wheel, files may have lost their mode.
chmod 755 /usr/bin/{rpm,dnf,dmesg} /usr/sbin/{getenforce,setenforce} /usr/libexec/b2ct-practice/*

# Nothing is started that a kickstart does not enable.
units=/usr/lib/systemd/system
rm -rf /etc/systemd/system/*.wants /etc/systemd/system/{sshd,chronyd,mysql,mysqld,dbus-org*}.service
rename() { # DEBIAN EL
  mv "$units/$1.service" "$units/$2.service"
  sed -i '/^Alias=/d' "$units/$2.service"
}
rename ssh sshd
rename chrony chronyd
ln -s dbus.service "$units/dbus-org.freedesktop.DBus.service" 2> /dev/null || :
rm -f /etc/init.d/*
for unit in ssh.socket systemd-sysctl.service systemd-timesyncd.service dnsmasq.service exim4.service apt-daily.timer \
  apt-daily-upgrade.timer dpkg-db-backup.timer e2scrub_all.timer e2scrub_reap.service fstrim.timer \
  getty@tty1.service console-getty.service systemd-pstore.service libvirt-guests.service \
  machines.target remote-fs.target man-db.timer logrotate.timer nftables.service \
  systemd-networkd-wait-online.service systemd-modules-load.service systemd-resolved.service; do
  ln -sf /dev/null "/etc/systemd/system/$unit"
done
systemctl set-default multi-user.target > /dev/null 2>&1

# chronyd tells how far the clock is off, and never sets it: the clock is the host's.
mv /etc/chrony/chrony.conf /etc/chrony.conf
sed -i '/^\(confdir\|sourcedir\|leapsectz\)/d; s/^pool .*/pool pool.example.org iburst/' /etc/chrony.conf
mkdir -p "$units/chronyd.service.d"
printf '[Unit]\nConditionCapability=\n[Service]\nUser=root\nType=simple\nPIDFile=\nExecStart=\nExecStart=/usr/sbin/chronyd -x -d -f /etc/chrony.conf\n' \
  > "$units/chronyd.service.d/practice.conf"

# squid's user has EL's name. Both names stand for one number, as squid itself knows `proxy`.
sed -i 's/^proxy:\(.*\)/squid:\1\n&/' /etc/passwd /etc/group
chown -R squid:squid /var/spool/squid /var/log/squid
rm -f /etc/squid/conf.d/* /etc/squid/squid.conf

# OpenNebula's user, as its packages make it.
groupadd --gid 9869 oneadmin
useradd --uid 9869 --gid 9869 --home-dir /var/lib/one --shell /bin/bash oneadmin
groupadd --force --system kvm
groupadd --force --system disk
install -d -o oneadmin -g oneadmin -m 750 /var/lib/one /var/log/one /var/lib/one/datastores
install -d -m 750 -g oneadmin /etc/one

# QEMU is where EL has it; libvirt need not ask the emulators of other processors what they can.
ln -s /usr/bin/qemu-system-x86_64 /usr/libexec/qemu-kvm
rm -f /usr/bin/qemu-system-i386

# NetworkManager tells firewalld which devices there are; here firewalld's own unit does.
mkdir -p "$units/firewalld.service.d"
cat > "$units/firewalld.service.d/practice.conf" <<'END'
[Service]
ExecStartPost=/bin/bash -c 'for device in $(ip -br -4 address show scope global | cut -d " " -f 1); do firewall-cmd --quiet --add-interface="$device"; done'
END

# Apache, as EL's package httpd lays it out.
mkdir -p /etc/httpd/conf /etc/httpd/conf.d /var/www/html /var/log/httpd
cat > /etc/httpd/conf/httpd.conf <<'END'
ServerRoot /etc/httpd
Listen 80
PidFile /run/httpd.pid
ErrorLog /var/log/httpd/error_log
LoadModule mpm_event_module /usr/lib/apache2/modules/mod_mpm_event.so
LoadModule authz_core_module /usr/lib/apache2/modules/mod_authz_core.so
LoadModule mime_module /usr/lib/apache2/modules/mod_mime.so
LoadModule include_module /usr/lib/apache2/modules/mod_include.so
LoadModule filter_module /usr/lib/apache2/modules/mod_filter.so
TypesConfig /etc/mime.types
User www-data
Group www-data
ServerName localhost
<Directory /var/www>
  Require all granted
</Directory>
IncludeOptional conf.d/*.conf
END
touch /etc/mime.types
cat > /usr/sbin/httpd <<'END'
#!/bin/bash
exec /usr/sbin/apache2 -f /etc/httpd/conf/httpd.conf "$@"
END
chmod 755 /usr/sbin/httpd
cat > "$units/httpd.service" <<'END'
[Unit]
Description=Practice site: Apache as EL's httpd
[Service]
ExecStart=/usr/sbin/httpd -DFOREGROUND
[Install]
WantedBy=multi-user.target
END

mkdir -p /etc/selinux /etc/sysconfig /etc/yum.repos.d /etc/b2ct /var/lib/b2ct
printf 'SELINUX=enforcing\nSELINUXTYPE=targeted\n' > /etc/selinux/config
rm -f /etc/ssh/sshd_config.d/* /etc/motd
# From above a node is a container: nothing to be done at log-in by PAM's modules of the kernel.
sed -i '/pam_loginuid/d' /etc/pam.d/*
printf 'en_US.UTF-8\n' > /etc/locale.conf
: > /etc/machine-id
rm -rf /var/log/journal /var/lib/apt/lists/* /var/cache/apt/*
# The database starts faster, and in less memory, with small logs.
printf '[mysqld]\ninnodb_log_file_size=8M\ninnodb_buffer_pool_size=32M\nskip-name-resolve\n' \
  > /etc/mysql/mariadb.conf.d/90-practice.cnf

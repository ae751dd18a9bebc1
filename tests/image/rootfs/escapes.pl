# The classical ways out of a cell, each tried; a line for each: NAME, a tab, and what came of it.
# Without any module, as the tree has none.
# Arguments: the canary's path on the host, a TCP port of the host's loopback, a file descriptor.
$| = 1;
my ($canary, $port, $descriptor) = @ARGV;
my ($SYS_mount, $SYS_ptrace, $SYS_setns, $SYS_unshare, $SYS_handle) = (165, 101, 308, 272, 304);
my ($SYS_init_module, $SYS_sethostname, $SYS_pivot_root, $SYS_reboot) = (175, 170, 155, 169);
my ($NEWNS, $NEWUSER) = (0x20000, 0x10000000);

sub report { my ($name, $what) = @_; print "$name\t$what\n"; }
sub said { my ($name, $done) = @_; report($name, $done ? "done" : "refused: $!"); }
sub call { my ($name, @words) = @_; my $done = syscall(shift @words, @words); said($name, defined $done && $done >= 0); }
sub readable { my ($path) = @_; open(my $file, '<', $path) or return 0; my $line = <$file>; return defined $line && $line =~ /canary/; }
sub reads { my ($name, $path) = @_; report($name, readable($path) ? "done" : "refused: $!"); }
sub writes { my ($name, $path, $text) = @_; my $done = open(my $file, '+<', $path) && syswrite($file, $text); said($name, $done); }

reads("read by its path", $canary);
reads("read through init's root", "/proc/1/root$canary");
reads("read through init's folder", "/proc/1/cwd" . "/.." x 20 . $canary);
reads("read through an open folder", "/proc/self/fd/$descriptor/canary");
call("mount", $SYS_mount, "x", "/tmp", "tmpfs", 0, "");
call("remount /proc/sys", $SYS_mount, "", "/proc/sys", "", 0x1020, "");
call("pivot_root", $SYS_pivot_root, "/tmp", "/tmp");
call("ptrace init", $SYS_ptrace, 16, 1, 0, 0);
call("open by handle", $SYS_handle, -100, pack("IiQ", 8, 1, 2), 0) if -d "/tmp";
call("load a module", $SYS_init_module, "x", 1, "");
call("set the host's name", $SYS_sethostname, "escaped", 7);
call("a new mount namespace", $SYS_unshare, $NEWNS);
for my $kind ("mnt", "pid", "net", "user") {
    open(my $ns, '<', "/proc/1/ns/$kind") ? call("setns $kind", $SYS_setns, fileno($ns), 0) : said("setns $kind", 0);
}
call("mknod", 133, "/tmp/disk", 060600, 254 << 8);
writes("write /proc/sys", "/proc/sys/kernel/core_pattern", "core\n");
writes("write /proc/sysrq-trigger", "/proc/sysrq-trigger", "h");
writes("write /sys", "/sys/module/printk/parameters/time", "Y");
opendir(my $folder, "/sys/kernel"); report("look into /sys/kernel", (grep { !/^\./ } readdir($folder)) ? "done" : "refused: empty");
said("a terminal of the builder", open(my $tty, '<', "/dev/tty"));
said("a device of the host", -e "/dev/mem" || -e "/dev/vda" || -e "/dev/sda" || -e "/dev/kmsg");
if (open(my $status, '<', "/proc/self/status")) {
    my %seen = map { /^(\w+):\s+(\S+)/ ? ($1, $2) : () } <$status>;
    report("capabilities", $seen{CapBnd}); report("no new privileges", $seen{NoNewPrivs});
}
socket(my $socket, 2, 1, 0);
said("the host's network", connect($socket, pack("Sna4x8", 2, $port, pack("C4", 127, 0, 0, 1))));

# In a user namespace of its own a process may mount what it likes, but finds the same files.
my $child = fork();
if ($child == 0) {
    if (syscall($SYS_unshare, $NEWUSER | $NEWNS) == 0) {
        syscall($SYS_mount, "", "/proc/sys", "", 0x1020, "");
        writes("write /proc/sys as root of one's own", "/proc/sys/kernel/core_pattern", "core\n");
        reads("read as root of one's own", $canary);
    }
    exit 0;
}
waitpid($child, 0);

# chroot(2) below the root, and up from there.
mkdir("/tmp/below");
if (chroot("/tmp/below")) {
    chdir("..") for 1 .. 40;
    chroot(".");
    reads("out of a chroot", $canary);
    opendir(my $root, "/"); report("the root has", join(" ", sort grep { !/^\./ } readdir($root)));
} else { said("out of a chroot", 0); }

# Tries, one after another, what a service may or may not do, and prints for each whether it was done or how it was denied:
#     must | must not: NAME => done | ERRNO
# In Perl, because every Debian has it (perl-base) and it can make any system call.
use strict;
use warnings;
use Errno;
use Fcntl;
use POSIX ();
use Socket;

my ($state, $cache) = @ENV{qw(STATE_DIRECTORY CACHE_DIRECTORY)};

sub must { probe("must", @_) }
sub must_not { probe("must not", @_) }

sub probe {
  my ($expected, $name, $work) = @_;
  $! = 0;
  my $done = eval { $work->() };
  die "$name: $@" if $@;
  my ($errno) = grep { $!{$_} } sort keys %!;
  print "$expected: $name => ", ($done ? "done" : $errno // "no reason"), "\n";
}

sub write_to {
  my ($file) = @_;
  return sub { my $handle; open($handle, ">>", $file) && close($handle) };
}

sub read_from {
  my ($file) = @_;
  return sub { my $handle; open($handle, "<", $file) && defined(readline $handle) };
}

sub open_socket {
  my ($family, $type, $protocol) = @_;
  return sub { socket(my $socket, $family, $type, $protocol // 0) };
}

# A system call by its number on x86-64.
sub call {
  my ($number, @arguments) = @_;
  return syscall($number, @arguments) >= 0;
}

# In a child, so that what succeeds has no effect on the probes after it.
sub in_child {
  my ($work) = @_;
  return sub {
    my $pid = open(my $child, "-|") // die "fork: $!";
    if (!$pid) {
      $! = 0;
      print $work->() ? 0 : $! + 0;
      close STDOUT;
      POSIX::_exit(0);
    }
    my $errno = <$child>;
    close $child;
    $! = $errno;
    return $errno == 0;
  };
}

# Writes a program, makes it executable and runs it.
sub execute_own {
  my ($file, $content) = @_;
  return in_child(sub {
    open(my $handle, ">", $file) or die "$file: $!";
    print $handle $content;
    close $handle;
    chmod 0755, $file;
    my $pid = fork // die "fork: $!";
    exec { $file } $file or POSIX::_exit($! + 0) if !$pid;
    waitpid $pid, 0;
    $! = $? >> 8;
    return $? == 0;
  });
}

sub contents { open(my $handle, "<:raw", $_[0]) or die "$_[0]: $!"; local $/; return <$handle> }

# Files.
must("write its state", write_to("$state/file"));
must("write its cache", write_to("$cache/file"));
must("write to /tmp", write_to("/tmp/file"));
must("read its configuration", read_from("/etc/whatsapp-worker/worker.env"));
must_not("write its configuration", write_to("/etc/whatsapp-worker/worker.env"));
must_not("write its releases", write_to("/opt/whatsapp-worker/file"));
must_not("write to /etc", write_to("/etc/file"));
must_not("write to /usr", write_to("/usr/bin/file"));
must_not("write to the state of others", write_to("/var/lib/other/file"));
must_not("write to a home", write_to("/home/somebody/file"));
must_not("write to /run", write_to("/run/file"));
must_not("read /etc/shadow", read_from("/etc/shadow"));
must_not("see homes", sub { -d "/home/somebody" });

# Programs.
must("run a program of the system", sub { system("/bin/true") == 0 });
must_not("run a program it wrote into its state", execute_own("$state/program", contents("/bin/true")));
must_not("run a program it wrote into its cache", execute_own("$cache/program", contents("/bin/true")));
must_not("run a program it wrote into /tmp", execute_own("/tmp/program", contents("/bin/true")));
must_not("run a program it wrote into /var/tmp", execute_own("/var/tmp/program", contents("/bin/true")));
must_not("run a script it wrote into its state", execute_own("$state/script", "#!/bin/sh\nexit 0\n"));

# Other processes.
must_not("see the command line of another process", read_from("/proc/1/cmdline"));
must_not("see the memory of the machine", read_from("/proc/meminfo"));
must_not("trace a process", in_child(sub { call(101, 0x4206, getppid(), 0, 0) })); # PTRACE_SEIZE
must_not("read the memory of a process", sub { sysopen(my $memory, "/proc/1/mem", O_RDONLY) });

# Rights.
must_not("become root", in_child(sub { call(105, 0) }));
must_not("become another user", in_child(sub { call(105, 1) }));
must_not("make a set-user-ID file", sub { write_to("$state/suid")->(); chmod 04755, "$state/suid" });
must_not("give a file away", sub { write_to("$state/gift")->(); chown 1, 1, "$state/gift" });
must_not("make a device", in_child(sub { call(133, "$state/device", 0020600, 0x103) })); # mknod of null
must_not("unshare a user namespace", in_child(sub { call(272, 0x10000000) }));
must_not("unshare a mount namespace", in_child(sub { call(272, 0x00020000) }));
must_not("mount", in_child(sub { mkdir "$state/mount"; call(165, "none", "$state/mount", "tmpfs", 0, "") }));
must_not("change the root", in_child(sub { call(161, "/") }));
must_not("load a module", in_child(sub { call(175, "", 0, "") }));
must_not("set the clock", in_child(sub { call(227, 0, pack("qq", 0, 0)) }));
must_not("set the host's name", in_child(sub { call(170, "worker-test", 11) }));
must_not("raise its priority", in_child(sub { setpriority(0, 0, -5) }));
must_not("be scheduled in real time", in_child(sub { call(144, 0, 1, pack("i", 1)) }));
must_not("change its personality", in_child(sub { call(135, 0x0400000) })); # ADDR_COMPAT_LAYOUT
must_not("load a BPF program", in_child(sub { call(321, 0, pack("LLLLx64", 1, 4, 4, 1), 72) }));
must_not("add a key to the kernel's", in_child(sub { call(248, "user", "probe", "x", 1, -3) }));

# Networks.
must("open a TCP socket", open_socket(AF_INET, SOCK_STREAM));
must("open a TCP socket (IPv6)", open_socket(AF_INET6, SOCK_STREAM));
must("open a Unix socket", open_socket(AF_UNIX, SOCK_DGRAM));
must_not("open a raw socket", open_socket(AF_INET, SOCK_RAW, 1));
must_not("open a packet socket", open_socket(17, SOCK_RAW));
must_not("open a netlink socket", open_socket(16, SOCK_RAW));
must_not("open a Bluetooth socket", open_socket(31, SOCK_RAW));
must_not("listen on a port of root's", sub {
  my $socket;
  socket($socket, AF_INET, SOCK_STREAM, 0) && bind($socket, pack_sockaddr_in(443, INADDR_LOOPBACK));
});

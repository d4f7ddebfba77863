"""The guest's disk: a release's root file system, a kernel's modules, the installed tree of a build, and the checks."""

import pathlib
import re
import shutil
import subprocess

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent.parent
DISK_MIB = 900
CHECKS = "opt/tierd-check"
# Of the installed tree, what runs in the guest.
PROGRAMS = ("sbin/tierd", "sbin/tierd-restore-prefetch", "bin/tierctl", "lib/tierd/tierd-onednn.so")
# The C library and its loader are the guest's own, always.
OWN = re.compile(r"^(ld-linux.*|lib(c|m|dl|pthread|rt|resolv)\.so.*)$")
# What no check needs and costs seconds of emulation at boot. The init, its journal, its bus and its device manager stay.
MASKED = ("getty.target", "getty@tty1.service", "serial-getty@ttyS0.service", "systemd-logind.service", "systemd-networkd.service", "systemd-resolved.service",
          "systemd-timesyncd.service", "systemd-pstore.service", "systemd-rfkill.service", "systemd-random-seed.service", "systemd-hwdb-update.service",
          "systemd-journal-catalog-update.service", "ldconfig.service", "systemd-update-utmp.service", "systemd-update-utmp-runlevel.service",
          "systemd-tpm2-setup.service", "systemd-tpm2-setup-early.service", "systemd-pcrmachine.service", "e2scrub_reap.service", "e2scrub_all.timer",
          "apt-daily.timer", "apt-daily-upgrade.timer", "dpkg-db-backup.timer", "fstrim.timer", "systemd-tmpfiles-clean.timer", "console-getty.service",
          "dev-hugepages.mount", "sys-kernel-debug.mount", "proc-sys-fs-binfmt_misc.automount")
# The configuration of all checks. The emulator charges every node the same time for an access, so only the firmware's word tells the tiers apart. Its CPU is
# about a twentieth of a real one, and so is what tierd may take of it.
SETTINGS = """[targets]
executables = ["hotshare"]
[tiers]
latency = "firmware"
[daemon]
cpu_limit = 1.0
"""
USERS = """u member - "of the group tierd"
m member tierd
u visitor - "of no group"
"""
UNIT = """[Unit]
Description=Checks of tierd
After=multi-user.target
# Keeps tierd.service loaded while it is stopped, so that systemd remembers how it ended.
JoinsNamespaceOf=tierd.service
[Service]
Type=exec
ExecStart=/opt/tierd-check/run
# What the checks start must not go down with them.
KillMode=process
"""
INIT = """#!/bin/busybox sh
/bin/busybox mount -t devtmpfs dev /dev
for module in /modules/*; do /bin/busybox insmod "$module"; done
waited=0
until [ -b /dev/vda ] || [ $waited = 100 ]; do /bin/busybox usleep 100000; waited=$((waited + 1)); done
/bin/busybox mount -t ext4 -o rw,noatime /dev/vda /root || /bin/busybox poweroff -f
exec /bin/busybox switch_root /root /sbin/init
"""


class Failed(Exception):
    pass


def command(*words, log=None, **more):
    done = subprocess.run([str(word) for word in words], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL, text=True, **more)
    if log:
        log.write_text(done.stdout)
    if done.returncode != 0:
        raise Failed(f"{words[0]} failed with {done.returncode}:\n" + "\n".join(done.stdout.splitlines()[-20:]))
    return done.stdout


def last_word(*words):
    """Runs a helper that prints a folder on its last line; its progress goes to our stderr."""
    done = subprocess.run([str(word) for word in words], stdout=subprocess.PIPE, stdin=subprocess.DEVNULL, text=True)
    if done.returncode != 0:
        raise Failed(f"{words[0]} failed with {done.returncode}")
    return pathlib.Path(done.stdout.strip().splitlines()[-1])


def write(path, text, mode=0o644):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.unlink(missing_ok=True)  # it may be a hard link into the cache
    path.write_text(text)
    path.chmod(mode)


def copy_tree(source, target):
    """Of hard links, where cache and build share a file system. What is written later replaces a link, never what it points to."""
    if subprocess.run(["cp", "-al", str(source), str(target)], stderr=subprocess.DEVNULL).returncode != 0:
        shutil.rmtree(target, ignore_errors=True)
        command("cp", "-a", source, target)


def libraries(program):
    """Name and file of each library that the program needs, as this machine finds them."""
    found = {}
    for line in command("ldd", program).splitlines():
        match = re.match(r"\s*(\S+) => (/\S+)", line)
        if match:
            found[match[1]] = pathlib.Path(match[2])
        elif "not found" in line:
            raise Failed(f"{program} misses a library on this machine: {line.strip()}")
    return found


def add_libraries(tree, programs):
    """Those of this machine that the guest's release does not have under the same name, in a folder of their own that the loader looks into last."""
    wanted = {}
    for program in programs:
        wanted.update(libraries(program))
    own = {path.name for folder in ("usr/lib/x86_64-linux-gnu", "lib/x86_64-linux-gnu", "usr/lib") for path in (tree / folder).glob("*.so*")}
    added = sorted(name for name in wanted if name not in own and not OWN.match(name))
    for name in added:
        target = tree / "usr/local/lib/build-machine" / name
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(wanted[name], target)
    if added:
        write(tree / "etc/ld.so.conf.d/zz-build-machine.conf", "/usr/local/lib/build-machine\n")
    command("chroot", tree, "ldconfig")
    return added


def install(build, tree, out):
    """The tree as `cmake --install` makes it, and the programs of the checks. Returns the guest paths of what is linked."""
    staged = out / "installed"
    command("cmake", "--install", build, "--strip", log=out / "install.log", env={"DESTDIR": str(staged), "PATH": "/usr/local/bin:/usr/bin:/bin"})
    prefix = pathlib.Path(re.search(r"^CMAKE_INSTALL_PREFIX:PATH=/(.*)$", (build / "CMakeCache.txt").read_text(), re.M)[1])
    command("cp", "-a", f"{staged}/.", tree)
    shutil.rmtree(staged)
    for name in ("hotshare", "knob-left"):
        target = tree / CHECKS / name
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(build / "tests/systemd" / name, target)
    shutil.copy2(tree / CHECKS / "hotshare", tree / CHECKS / "filler")  # by its own name it is not watched
    return [f"{CHECKS}/hotshare", f"{CHECKS}/knob-left"] + [str(prefix / each) for each in PROGRAMS if (tree / prefix / each).exists()]


def install_packages(packages, tree):
    """The first package by dpkg, whose services are not started in a chroot; both for the checks. Returns the guest paths of what is linked."""
    for name, folder in zip(("first", "higher"), packages):
        found = sorted(folder.glob("tierd_*.deb"))
        if len(found) != 1:
            raise Failed(f"{folder} holds {len(found)} packages tierd, not one (fix: sudo tools/package --check)")
        target = tree / CHECKS / "packages" / name
        target.mkdir(parents=True)
        shutil.copy2(found[0], target)
    command("chroot", tree, "sh", "-c", f"dpkg -i /{CHECKS}/packages/first/tierd_*.deb")
    return [f"usr/{each}" for each in PROGRAMS if (tree / "usr" / each).exists()]


def prove_loadable(tree, programs):
    for program in programs:
        done = subprocess.run(["chroot", str(tree), "ldd", "/" + program], capture_output=True, text=True)
        if done.returncode != 0 or "not found" in done.stdout + done.stderr:
            raise Failed(f"/{program} does not run in the guest, whose release is older than the one it was built on:\n{done.stdout}{done.stderr}")


def add_checks(tree, plan):
    shutil.copytree(HERE / "guest", tree / CHECKS, dirs_exist_ok=True)
    write(tree / CHECKS / "plan", "".join(step + "\n" for step in plan))
    write(tree / "etc/systemd/system/tierd-check.service", UNIT)
    units = tree / "etc/systemd/system"
    (units / "multi-user.target.wants").mkdir(exist_ok=True)
    (units / "multi-user.target.wants/tierd-check.service").symlink_to("/etc/systemd/system/tierd-check.service")
    for name in MASKED:
        (units / name).unlink(missing_ok=True)
        (units / name).symlink_to("/dev/null")
    write(tree / "usr/local/lib/sysusers.d/tierd-check.conf", USERS)
    write(tree / "etc/tierd/tierd.toml.d/10-check.toml", SETTINGS)
    # Neither a first boot, which asks questions, nor a machine that was updated: but its users and groups are made at boot.
    write(tree / "etc/machine-id", "0123456789abcdef0123456789abcdef\n")
    write(tree / "etc/hostname", "guest\n")
    write(tree / "etc/fstab", "/dev/vda / ext4 rw,noatime 0 0\n")
    (tree / "var/log/journal").mkdir(exist_ok=True)  # so that the journal lasts over reboots and can be read from the disk


def add_modules(tree, kernel):
    release = (kernel / "release").read_text().strip()
    target = tree / "usr/lib/modules" / release
    target.parent.mkdir(parents=True, exist_ok=True)
    copy_tree(kernel / "modules", target)
    command("depmod", "-b", tree, release)
    needed = []
    for name in ("virtio_pci", "virtio_blk", "ext4"):
        shown = command("modprobe", "-d", tree, "-S", release, "--show-depends", name)
        needed += [pathlib.Path(line.split()[1]) for line in shown.splitlines() if line.startswith("insmod ")]  # "builtin NAME" is none
    return list(dict.fromkeys(needed))


def make_initrd(modules, path, scratch):
    """Just what it takes to mount the disk; everything else is the distribution's."""
    shutil.rmtree(scratch, ignore_errors=True)
    for folder in ("bin", "dev", "root", "modules"):
        (scratch / folder).mkdir(parents=True)
    shutil.copy2(shutil.which("busybox") or "/bin/busybox", scratch / "bin/busybox")
    for number, module in enumerate(modules):
        with open(scratch / f"modules/{number:02}.ko", "wb") as plain:
            unpack = {".xz": ["xz", "-dc"], ".zst": ["zstd", "-dcq"]}.get(module.suffix, ["cat"])
            subprocess.run([*unpack, str(module)], stdout=plain, check=True)
    write(scratch / "init", INIT, 0o755)
    command("sh", "-c", f"find . | cpio -o -H newc > {path}", cwd=scratch)
    shutil.rmtree(scratch)


def make(build, release, kernel_name, plan, disk, out, packages=None):
    """`packages`: two folders, whose packages are put into the guest instead of the build. Returns the kernel's folder."""
    for name in ("hotshare", "knob-left"):
        if not packages and not (build / "tests/systemd" / name).exists():
            raise Failed(f"{build}/tests/systemd/{name} is missing (fix: cmake --build {build})")
    command(ROOT / "tools/lib/ensure-qemu")
    kernel = last_word(ROOT / "tools/lib/fetch-kernel", kernel_name)
    root = last_word(HERE / "make-root", release)
    tree = out / "tree"
    copy_tree(root, tree)
    programs = install_packages(packages, tree) if packages else install(build, tree, out)
    added = [] if packages else add_libraries(tree, [tree / each for each in programs])  # what a package needs, it names itself
    (out / "libraries.txt").write_text("".join(name + "\n" for name in added))
    prove_loadable(tree, programs)
    add_checks(tree, plan)
    make_initrd(add_modules(tree, kernel), out / "initrd.img", out / "initrd")
    command("mkfs.ext4", "-q", "-F", "-O", "^has_journal", "-E", "lazy_itable_init=1", "-d", tree, disk, f"{DISK_MIB}M")
    shutil.rmtree(tree)
    return kernel


def fetch_logs(disk, out):
    """What the guest kept of itself, read from its disk without mounting it. It may have been cut off."""
    subprocess.run(["e2fsck", "-fy", str(disk)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    subprocess.run(["debugfs", "-R", f"rdump /var/log {out}", str(disk)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    journal = out / "log/journal"
    if journal.exists() and shutil.which("journalctl"):
        text = subprocess.run(["journalctl", "-q", "-m", "-o", "short-precise", "-D", str(journal)], capture_output=True, text=True, errors="replace").stdout
        (out / "log/journal.txt").write_text(text)

#!/bin/sh
# Runs the library's tests on aarch64: builds them here, runs them in an emulated machine.
#
# The compiler, the C library, the programs and the kernel are Debian's packages. The machine has no
# disk and no network: its file system is the initial RAM file system. qemu-user would not do, since
# it lacks robust lists and pidfds.
#
# Run it from the root of the repository. Without words all test programs run. The words are the
# name of one test program and its arguments: `sh xtask/src/deep/aarch64.sh it channel::`.
set -eu

target=aarch64-unknown-linux-gnu
root=$PWD
work=$root/target/deep/aarch64
system=$work/system
image=$work/image
log=$work/console.log
mkdir -p "$work"

# A Debian for the machine. Its packages are unpacked and not configured, so none of it runs here.
if [ ! -e "$system/complete" ]; then
    rm -rf "$system"
    rust=$(/usr/bin/rustc --version | cut -d' ' -f2)
    library=$(apt-cache madison libstd-rust-web-dev | tr -d ' ' | cut -d'|' -f2 |
        grep -m 1 "^$rust")
    packages=linux-image-arm64,libc6-dev,libstd-rust-web-dev=$library,busybox,bash,coreutils,dash
    packages=$packages,findutils,grep,hostname,iproute2,libc-bin,mount,procps,python3,sed,util-linux
    mmdebstrap --architectures=arm64 --variant=extract --include="$packages" bookworm "$system" \
        'deb http://deb.debian.org/debian bookworm main'
    echo 'root:x:0:0:root:/root:/bin/sh' > "$system/etc/passwd"
    echo 'nobody:x:65534:65534:nobody:/:/bin/sh' >> "$system/etc/passwd"
    echo '127.0.0.1 localhost' > "$system/etc/hosts"
    touch "$system/complete"
fi

# The library's tests and its examples, which the tests run.
export RUSTC=/usr/bin/rustc
export CARGO_TARGET_DIR="$work"
export PROCESSION_EMULATED=1
export CARGO_PROFILE_DEV_DEBUG=0 CARGO_PROFILE_DEV_OPT_LEVEL=1
export CARGO_TARGET_AARCH64_UNKNOWN_LINUX_GNU_LINKER=aarch64-linux-gnu-gcc
export CARGO_TARGET_AARCH64_UNKNOWN_LINUX_GNU_RUSTFLAGS="--sysroot=$system/usr -Cstrip=symbols"
build() {
    /usr/bin/cargo "$@" --target $target --all-features --package procession
}
build build --examples
build test --no-run --tests --package procession-sys
# `messages` runs cargo, which the machine has not: it tests the compiler's output.
tests=$(build test --no-run --tests --package procession-sys --message-format json 2> /dev/null |
    sed -n 's/.*"executable":"\([^"]*\)".*/\1/p' | grep -v '/messages-[0-9a-f]*$')
if [ $# -gt 0 ]; then
    tests=$(echo "$tests" | grep "/$1-[0-9a-f]*$")
    shift
fi
test -n "$tests"

# What stands at the same place there as here. `exits` reads what cargo wrote beside its program.
rm -rf "$image"
mkdir "$image"
# shellcheck disable=SC2046,SC2086
cp --link --parents $tests $(printf '%s.d\n' $tests) "$root/docs/from-python.md" \
    $(find "$work/$target/debug/examples" -type f -perm -1 ! -name '*-*') "$image"
mkdir -p "$image$root/crates/procession" "$image$work/$target/tmp"

cat > "$image/init" << 'END'
#!/bin/sh
export PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root
mount -t proc proc /proc
mount -t sysfs sys /sys
mount -t devtmpfs dev /dev
mkdir -p /dev/pts /dev/shm
mount -t devpts pts /dev/pts
mount -t tmpfs shm /dev/shm
mount -t tmpfs tmp /tmp
mount -t cgroup2 cgroup /sys/fs/cgroup
ln -s /proc/self/fd /dev/fd
ip link set lo up
ulimit -Hn 1048576
uname -a
setsid sh /tests
busybox poweroff -f
END
chmod +x "$image/init"
{
    echo "cd $root/crates/procession"
    for test in $tests; do
        name=$(basename "${test%-*}")
        echo "echo '==> $name'"
        echo "$test $* && echo '==> PASSED $name' || echo '==> FAILED $name'"
    done
    echo "echo '==> ALL RAN'"
} > "$image/tests"

# The file system: Debian without what only compiling needs, and the tests.
{
    cd "$system"
    find . -path ./boot -prune -o -path ./lib/modules -prune -o -path ./usr/lib/rustlib -prune \
        -o -path ./usr/share -prune -o -path ./usr/include -prune -o -name '*.a' -prune \
        -o -name 'libLLVM*' -prune -o -name 'librustc_driver*' -prune -o -print |
        cpio --quiet -o -H newc
    cd "$image"
    find . | cpio --quiet -o -H newc
} > "$work/system.cpio"

# Not a tmpfs, whose pages count as shared memory, also those of programs that run from it.
options='console=ttyAMA0 rdinit=/init rootfstype=ramfs panic=-1 loglevel=1'
qemu-system-aarch64 -M virt -cpu neoverse-n1 -smp 2 -m 6144 -nographic -nic none -no-reboot \
    -kernel "$system"/boot/vmlinuz-* -initrd "$work/system.cpio" -append "$options" < /dev/null |
    sed -u 's,\r$,,' | tee "$log"

grep -q '^==> ALL RAN' "$log"
! grep -q '==> FAILED' "$log"

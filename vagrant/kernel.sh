#!/bin/sh
# Installs the kernel of one line beside the box's own, and has the next boot take it.
set -eu
line=$1
mirror=http://deb.debian.org
package=linux-image-amd64
case $line in
5.10) archive=debian-security suite=bullseye-security ;;
6.1) archive=debian-security suite=bookworm-security ;;
6.12) archive=debian-security suite=bookworm-security package=linux-image-6.12-amd64 ;;
newest) archive=debian suite=trixie-backports ;;
*)
	echo "kernel.sh: no kernel line $line" >&2
	exit 2
	;;
esac
keyring=/usr/share/keyrings/debian-archive-keyring.gpg
echo "deb [signed-by=$keyring] $mirror/$archive $suite main" >/etc/apt/sources.list.d/kernel.list
export DEBIAN_FRONTEND=noninteractive
apt-get update -qq
# The meta package names the kernel; with it would come what its suite wants beside it.
depends=$(apt-cache show "$package/$suite" 2>/dev/null | sed -n 's/^Depends: //p' | head -1)
kernel=$(echo "$depends" | tr ', ' '\n\n' | grep -m1 '^linux-image-[0-9]')
apt-get install -qq -y --no-install-recommends -t "$suite" "$kernel" >/dev/null
rm /etc/apt/sources.list.d/kernel.list
release=${kernel#linux-image-}
menu=$(sed -n "s/^submenu .*'\(gnulinux-advanced-[^']*\)'.*/\1/p" /boot/grub/grub.cfg | head -1)
entry=$(grep -o "gnulinux-$release-advanced-[^']*" /boot/grub/grub.cfg | head -1)
sed -i "s/^GRUB_DEFAULT=.*/GRUB_DEFAULT=\"$menu>$entry\"/" /etc/default/grub
update-grub 2>/dev/null

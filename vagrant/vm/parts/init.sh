#!/bin/busybox sh
# The initramfs's init: modules, then the image under a tmpfs, the checkout in it, and over to it.
# With accel.probe it only says that a kernel came up, which is what the probe of KVM asks. With
# accel.box the disk is the machine's own, as in Vagrant, and it starts what is installed there.
/bin/busybox mkdir -p /proc /sys /dev /lower /upper /root
/bin/busybox --install -s /bin
PATH=/bin
mount -t proc proc /proc
mount -t sysfs sys /sys
mount -t devtmpfs dev /dev
if grep -q accel.probe /proc/cmdline; then
	echo "accel-vm: up" >/dev/ttyS1
	reboot -f
fi
for module in virtio_pci virtio_blk crc32c_generic ext4 overlay; do
	modprobe -q $module
done
last=/dev/vdb
! grep -q accel.box /proc/cmdline || last=/dev/vda
tries=100
while [ ! -b $last ] && [ $tries -gt 0 ]; do
	tries=$((tries - 1))
	sleep 0.1
done
enter() { # PROGRAM...
	mkdir -p /root/lib/modules
	cp -a /lib/modules/* /root/lib/modules/
	for point in proc sys dev; do
		mount --move /$point /root/$point
	done
	exec switch_root /root "$@"
}
if [ $last = /dev/vda ]; then
	mount -t ext4 /dev/vda /root
	enter /sbin/init
fi
mount -t ext4 -o ro /dev/vda /lower &&
	mount -t tmpfs -o size=80% tmpfs /upper &&
	mkdir /upper/data /upper/work &&
	mount -t overlay -o lowerdir=/lower,upperdir=/upper/data,workdir=/upper/work overlay /root ||
	echo "accel-vm: the image cannot be mounted"
mkdir -p /root/checkout
tar -xf /dev/vdb -C /root/checkout
enter /bin/sh /checkout/vagrant/vm/machine/guest.sh

#!/bin/busybox sh
# The initramfs's init: modules, then the image under a tmpfs, the checkout in it, and over to it.
# With accel.probe it only says that a kernel came up, which is what the probe of KVM asks.
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
tries=100
while [ ! -b /dev/vdb ] && [ $tries -gt 0 ]; do
	tries=$((tries - 1))
	sleep 0.1
done
mount -t ext4 -o ro /dev/vda /lower &&
	mount -t tmpfs -o size=80% tmpfs /upper &&
	mkdir /upper/data /upper/work &&
	mount -t overlay -o lowerdir=/lower,upperdir=/upper/data,workdir=/upper/work overlay /root ||
	echo "accel-vm: the image cannot be mounted"
mkdir -p /root/lib/modules /root/checkout
cp -a /lib/modules/* /root/lib/modules/
tar -xf /dev/vdb -C /root/checkout
for point in proc sys dev; do
	mount --move /$point /root/$point
done
exec switch_root /root /bin/sh /checkout/vagrant/vm/guest.sh

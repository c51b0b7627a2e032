# Everything here sets up what it needs. Root is needed for BPF and namespaces: sudo is used if it is there.
SUDO := $(shell [ "$$(id -u)" = 0 ] || echo sudo)
PY := .venv/bin/python
CASES ?=
KERNELS ?=
TEST_PACKAGES := vagrant vagrant-libvirt zsh fish
VM_PACKAGES := qemu-system-x86 mmdebstrap busybox-static kmod e2fsprogs
VAGRANT_PACKAGES := vagrant vagrant-libvirt libvirt-daemon-system libvirt-clients qemu-utils dnsmasq-base rsync openssh-client
# Quick tests need no rights. Root gives its own up, so that one which does fails.
QUICKLY := $(shell [ "$$(id -u)" != 0 ] || echo setpriv --bounding-set=-all --inh-caps=-all --)
# Where packages cannot be had, the programs themselves say which are missing.
# The box is made by root, and Vagrant's and its caches are those of who asks.
VM := $(SUDO) env HOME="$$HOME" $(PY) -m vagrant.vm

.PHONY: help demo check test bench vm-test vagrant-box vagrant-test lint stubs setup clean

help:            ## this list
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*## */\t/'

demo: setup      ## the gateway at work, in namespaces of its own
	$(SUDO) $(PY) -m accel.lab.demo

check: setup     ## before each commit, under a minute: style, types, layout, and the quick tests
	$(QUICKLY) $(PY) -m pytest -q -rfE --quick

test: setup      ## every test
	-deploy/setup.sh --where-available $(TEST_PACKAGES)
	$(SUDO) $(PY) -m pytest

bench: setup     ## measure; CASES=packet,rings for some
	$(PY) -m pip install --quiet -e '.[test,bench]'
	$(SUDO) $(PY) -m bench $(if $(CASES),--cases $(CASES))

vm-test: setup   ## the kernel's part on kernels 6.1 and 6.12, in QEMU, side by side; KERNELS=all for more
	-deploy/setup.sh $(VM_PACKAGES)
	$(VM) $(KERNELS)

vagrant-box: setup   ## a box of Debian's packages, for VAGRANT_BOX=accel where no public one is in reach
	deploy/setup.sh $(VM_PACKAGES) $(VAGRANT_PACKAGES)
	$(VM).libvirt.box $(KERNELS)

vagrant-test: setup  ## machines as `vagrant up` makes them: up, tested, destroyed; KERNELS='all pair'
	deploy/setup.sh $(VM_PACKAGES) $(VAGRANT_PACKAGES)
	$(VM).libvirt.machines $(KERNELS)

lint: setup      ## ruff, mypy, buf and clang-format
	$(PY) -m pytest -q tests/tree

stubs: setup     ## generate accel/v1 from proto/
	$(PY) -m grpc_tools.protoc -Iproto --python_out=. --pyi_out=. --grpc_python_out=. proto/accel/v1/*.proto

setup: .venv/ready

.venv/ready: pyproject.toml deploy/setup.sh accel/datapath/steering/_maglev.c
	deploy/setup.sh
	[ -x $(PY) ] || /usr/bin/python3 -m venv --system-site-packages .venv
	$(PY) -m pip install --quiet -e '.[test]'
	touch $@

clean:           ## remove what was built
	rm -rf .venv build dist *.egg-info bench/out accel/datapath/steering/*.so

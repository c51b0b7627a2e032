"""What needs devices that many kernels lack: `make vm-test`."""

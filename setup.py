"""Only what pyproject.toml cannot say: the one C file, and that it needs no rebuild per Python."""

from setuptools import Extension, setup

setup(
    ext_modules=[
        Extension(
            "accel.datapath.steering._maglev",
            ["accel/datapath/steering/_maglev.c"],
            define_macros=[("Py_LIMITED_API", "0x030B0000")],
            extra_compile_args=["-O3"],
            py_limited_api=True,
            # Without a compiler the package installs all the same and uses the Python twin.
            optional=True,
        )
    ],
    options={"bdist_wheel": {"py_limited_api": "cp311"}},
)

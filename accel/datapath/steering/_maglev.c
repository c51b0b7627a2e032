// SPDX-License-Identifier: Apache-2.0
/*
 * The inner loop of accel/datapath/steering/maglev.py: order the claims, then fill the ring.
 * build_reference() in that file says the same in Python and is the oracle of the tests.
 */
#define PY_SSIZE_T_CLEAN
#include <Python.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define TIME_SHIFT 16
#define RADIX_BITS 11
#define RADIX (1u << RADIX_BITS)

/* One backend, in the order in which equal claims are served. */
struct claimant {
	uint32_t local; /* what is written into its slots */
	uint32_t weight;
	uint32_t quota;
	uint32_t cursor; /* the next slot that it prefers */
	uint32_t skip;
};

/* A claim is (time << 16 | claimant): one word, moved once per pass of the sort. */
static uint64_t write_claims(const struct claimant *c, size_t n, uint64_t *claims)
{
	uint64_t latest = 0;

	for (size_t i = 0; i < n; i++) {
		for (uint64_t k = 0; k < c[i].quota; k++) {
			uint64_t time = ((2 * k + 1) << TIME_SHIFT) / c[i].weight;

			*claims++ = time << 16 | i;
			latest = time > latest ? time : latest;
		}
	}
	return latest;
}

/* Least significant digit first, so stable: claimants stay in order where times are equal. */
static uint64_t *sort_claims(uint64_t *from, uint64_t *to, size_t n, uint64_t latest)
{
	for (unsigned int shift = 16; latest; shift += RADIX_BITS, latest >>= RADIX_BITS) {
		size_t start[RADIX] = { 0 };
		size_t sum = 0;
		uint64_t *swap;

		for (size_t i = 0; i < n; i++)
			start[from[i] >> shift & (RADIX - 1)]++;
		for (size_t d = 0; d < RADIX; d++) {
			size_t count = start[d];

			start[d] = sum;
			sum += count;
		}
		for (size_t i = 0; i < n; i++)
			to[start[from[i] >> shift & (RADIX - 1)]++] = from[i];
		swap = from;
		from = to;
		to = swap;
	}
	return from;
}

/* A bit per slot says whether it is taken: 8 KiB for 65537 slots stay in the L1 cache. */
static void serve_claims(const uint64_t *claims, struct claimant *c, uint64_t *taken, uint32_t size,
			 uint16_t *out)
{
	for (uint32_t i = 0; i < size; i++) {
		struct claimant *who = &c[claims[i] & 0xffff];
		uint32_t slot = who->cursor;

		while (taken[slot >> 6] >> (slot & 63) & 1) {
			slot += who->skip;
			if (slot >= size)
				slot -= size;
		}
		taken[slot >> 6] |= 1ull << (slot & 63);
		out[slot] = (uint16_t)who->local;
		who->cursor = slot;
	}
}

static int check(const struct claimant *c, size_t n, uint32_t size)
{
	uint64_t sum = 0;

	for (size_t i = 0; i < n; i++) {
		if (!c[i].weight || !c[i].skip || c[i].skip >= size || c[i].cursor >= size)
			return -1;
		sum += c[i].quota;
	}
	return n && n <= 65536 && sum == size ? 0 : -1;
}

/* fill(claimants, out): `claimants` is uint32[n][5], changed on the way; `out` uint16[size]. */
static PyObject *fill(PyObject *self, PyObject *args)
{
	PyObject *result = NULL;
	Py_buffer in, out;
	size_t n, size;
	uint64_t *work;

	(void)self;
	if (!PyArg_ParseTuple(args, "w*w*", &in, &out))
		return NULL;
	n = (size_t)in.len / sizeof(struct claimant);
	size = (size_t)out.len / sizeof(uint16_t);
	if (size > UINT32_MAX / 2 || check(in.buf, n, (uint32_t)size)) {
		PyErr_SetString(PyExc_ValueError, "claimants do not fit the ring");
		goto release;
	}
	work = calloc(2 * size + size / 64 + 1, sizeof(*work));
	if (!work) {
		PyErr_NoMemory();
		goto release;
	}
	Py_BEGIN_ALLOW_THREADS
	{
		uint64_t latest = write_claims(in.buf, n, work);
		uint64_t *claims = sort_claims(work, work + size, size, latest);

		serve_claims(claims, in.buf, work + 2 * size, (uint32_t)size, out.buf);
	}
	Py_END_ALLOW_THREADS free(work);
	result = Py_NewRef(Py_None);
release:
	PyBuffer_Release(&in);
	PyBuffer_Release(&out);
	return result;
}

static PyMethodDef methods[] = {
	{ "fill", fill, METH_VARARGS, "Fill a ring; see accel/datapath/steering/maglev.py." },
	{ NULL, NULL, 0, NULL },
};

static PyModuleDef_Slot slots[] = { { 0, NULL } };

static struct PyModuleDef module = {
	.m_base = PyModuleDef_HEAD_INIT,
	.m_name = "accel.datapath.steering._maglev",
	.m_methods = methods,
	.m_slots = slots,
};

PyMODINIT_FUNC PyInit__maglev(void)
{
	return PyModuleDef_Init(&module);
}

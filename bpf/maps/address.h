// SPDX-License-Identifier: GPL-2.0-only
/* What every map's structs are made of. */
#pragma once

#define SIZE_IS(type, size) _Static_assert(sizeof(type) == (size), "layout of " #type)

/* An address is 128 bits; IPv4 is ::ffff:a.b.c.d (RFC 4291 2.5.5.2). */
union address {
	__u32 word[4];
	__u64 half[2];
};

// SPDX-License-Identifier: GPL-2.0-only
/* The Internet checksum (RFC 1071) and its update in place (RFC 1624). */
#pragma once

#include "packet/packet.h"

INLINE __u16 fold(__u64 sum)
{
	sum = (sum & 0xffffffff) + (sum >> 32);
	sum = (sum & 0xffff) + (sum >> 16);
	sum = (sum & 0xffff) + (sum >> 16);
	sum = (sum & 0xffff) + (sum >> 16);
	return sum;
}

/* The checksum after one of the words that it covers has changed: RFC 1624, equation 3. */
INLINE __u16 checksum_after(__u16 checksum, __u16 before, __u16 after)
{
	return ~fold((__u64)(__u16)~checksum + (__u16)~before + after);
}

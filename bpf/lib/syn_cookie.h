// SPDX-License-Identifier: GPL-2.0-only
/*
 * SYN cookies of our own, which gateways make and backends accept: the number with which a SYN-ACK
 * starts says what the client's SYN asked for, and proves that we have seen it.
 * Generation of the key modulo 4 (2 bits), options (8), SipHash (22) over addresses, ports, the
 * client's first number, the options, and the window scale that we announced: a backend that
 * believes in another one refuses the cookie, instead of reading windows wrongly.
 */
#pragma once

#include "lib/key_generations.h"
#include "lib/siphash.h"
#include "packet/packet.h"

#define COOKIE_OPTIONS_SHIFT 22
#define COOKIE_MAC ((1u << COOKIE_OPTIONS_SHIFT) - 1)

/* The options: which MSS (2 bits), the client's window scale (4, 15 for none), SACK, ECN. */
#define COOKIE_MSS_SHIFT 6
#define COOKIE_WSCALE_SHIFT 2
#define COOKIE_SACK 2
#define COOKIE_ECN 1

/*
 * The least are those of clients that name none (RFC 9293 3.7.1), and those that the kernel's
 * request sockets take; the others are frequent (S. Alcock and R. Nelson, "An analysis of TCP
 * maximum segment sizes", 2011).
 */
#define MSS_TABLE(a, b, c, d) ((__u64)(d) << 48 | (__u64)(c) << 32 | (__u64)(b) << 16 | (a))
#define MSS_IPV4 MSS_TABLE(536, 1300, 1440, 1460)
#define MSS_IPV6 MSS_TABLE(1220, 1360, 1420, 1440)

INLINE __u16 cookie_mss(__u8 version, __u32 index)
{
	return (version == 4 ? MSS_IPV4 : MSS_IPV6) >> index * 16;
}

/* Of the greatest that is not above `mss`; -1 if all are: no cookie can say so little. */
INLINE int cookie_mss_index(__u8 version, __u16 mss)
{
	if (!mss)
		return 0;
	return (mss >= cookie_mss(version, 0)) + (mss >= cookie_mss(version, 1)) +
	       (mss >= cookie_mss(version, 2)) + (mss >= cookie_mss(version, 3)) - 1;
}

/* `isn` is the number of the client's SYN, `wscale` what is announced. In host byte order. */
INLINE __u32 make_cookie(const struct packet *p, const __u64 key[2], __u32 generation, __u32 isn,
			 __u32 options, __u32 wscale)
{
	return generation << GENERATION_SHIFT | options << COOKIE_OPTIONS_SHIFT |
	       (tuple_siphash(p, key, isn, wscale << 8 | options) & COOKIE_MAC);
}

INLINE __u32 cookie_options(__u32 cookie)
{
	return cookie >> COOKIE_OPTIONS_SHIFT & 0xff;
}

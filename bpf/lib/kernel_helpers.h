// SPDX-License-Identifier: GPL-2.0-only
/*
 * Helpers of the kernel that bcc does not name before 0.25, as Ubuntu 22.04 has it. What was
 * compiled with them is loaded only where the kernel has them (LOCAL_COOKIES, PACKET_COPIES).
 */
#pragma once

#include "packet/headers.h"

#define HELPER(number, name, ...)                                                                  \
	static long (*name)(__VA_ARGS__) __attribute__((unused)) =                                 \
		(void *)number /* enum bpf_func_id */

HELPER(189, load_bytes, struct xdp_md *, __u32 offset, void *to, __u32 size);
HELPER(204, make_raw_cookie_ipv4, struct iphdr *, struct tcphdr *, __u32 tcp_length);
HELPER(205, make_raw_cookie_ipv6, struct ipv6hdr *, struct tcphdr *, __u32 tcp_length);
HELPER(206, check_raw_cookie_ipv4, struct iphdr *, struct tcphdr *);
HELPER(207, check_raw_cookie_ipv6, struct ipv6hdr *, struct tcphdr *);

// SPDX-License-Identifier: GPL-2.0-only
/*
 * A client may use ports again that this host has in TIME-WAIT. Its SYN would have ended that
 * (RFC 9293 3.10.7.4), but none came here: user space does. Until a cookie is accepted, what has
 * data is held back, and is sent again; the stack would answer it with an RST, be it that the
 * listener knows nothing of it, be it that what is in TIME-WAIT ends just now. The ACK without data
 * goes up: what is in TIME-WAIT answers, and so the client acknowledges once more, which it must
 * where the server is to speak first.
 */
#pragma once

#include "accept_maps.h"
#include "accept_packet.h"

#define WAIT_NS 10000000000ULL /* RFC 6298: by then a segment was sent again five times */

INLINE void name_left_over(const struct segment *s, struct left_over *left)
{
	left->client = s->p.source;
	left->server = s->p.destination;
	left->client_port = s->p.source_port;
	left->server_port = s->p.destination_port;
}

/* With a valid cookie, for ports in TIME-WAIT. */
INLINE int end_left_over(const struct segment *s)
{
	struct left_over left = {};
	__u64 now = bpf_ktime_get_ns();

	name_left_over(s, &left);
	held_back.update(&left, &now);
	left_overs.ringbuf_output(&left, sizeof(left), 0);
	return has_data(s) ? ACCEPT_HELD_BACK : ACCEPT_TIME_WAIT;
}

/* Without one: `verdict` unless a cookie waits. */
INLINE int wait_for_cookie(const struct segment *s, int verdict)
{
	struct left_over left = {};
	__u64 *since;

	name_left_over(s, &left);
	since = held_back.lookup(&left);
	return since && bpf_ktime_get_ns() - *since < WAIT_NS ? ACCEPT_HELD_BACK : verdict;
}

/* It has its connection. */
INLINE void wait_no_more(const struct segment *s)
{
	struct left_over left = {};

	name_left_over(s, &left);
	held_back.delete(&left);
}

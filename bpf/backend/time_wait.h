// SPDX-License-Identifier: GPL-2.0-only
/*
 * A client may use ports again that this host has in TIME-WAIT. Its SYN would have ended that
 * (RFC 9293 3.10.7.4), but none came here: user space does. What has the cookie gets its request
 * all the same: as long as the ports are taken the kernel makes no connection of it, and is silent.
 * The client sends its data again; an ACK without data it sends again when it is asked, by a probe
 * from user space. What has no cookie is held back until one is accepted: a listener knows nothing
 * of it, and would answer with an RST.
 */
#pragma once

#include "backend/request.h"
#include "backend/segment.h"
#include "maps/cookie_acceptor.h"

#define WAIT_NS 4000000000ULL /* RFC 6298: by then a segment was sent again four times */

INLINE void name_left_over(const struct segment *s, struct left_over *left)
{
	left->client = s->p.source;
	left->server = s->p.destination;
	left->client_port = s->p.source_port;
	left->server_port = s->p.destination_port;
}

/* With a valid cookie, for ports in TIME-WAIT. */
INLINE void end_left_over(const struct segment *s, const struct bpf_tcp_req_attrs *attrs)
{
	struct waiting told = {
		.seq = __be32_to_cpu(s->tcp.seq),
		.ack = __be32_to_cpu(s->tcp.ack_seq),
		.time = attrs->rcv_tsval,
		.echo = attrs->rcv_tsecr,
		.timestamps = attrs->tstamp_ok,
		.data = has_data(s),
	};
	__u64 now = bpf_ktime_get_ns();

	name_left_over(s, &told.left);
	held_back.update(&told.left, &now);
	left_overs.ringbuf_output(&told, sizeof(told), 0);
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

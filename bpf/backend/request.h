// SPDX-License-Identifier: GPL-2.0-only
/* From a valid cookie to a request socket, which the kernel makes a connection of. */
#pragma once

#include "backend/segment.h"
#include "lib/syn_cookie.h"
#include "maps/cookie_acceptor.h"
#include "packet/tcp_options.h"

/* Of the kernel from 6.8 on (include/net/tcp.h). */
struct bpf_tcp_req_attrs {
	__u32 rcv_tsval;
	__u32 rcv_tsecr;
	__u16 mss;
	__u8 rcv_wscale;
	__u8 snd_wscale;
	__u8 ecn_ok;
	__u8 wscale_ok;
	__u8 sack_ok;
	__u8 tstamp_ok;
	__u8 usec_ts_ok;
	__u8 reserved[3];
};
SIZE_IS(struct bpf_tcp_req_attrs, 20);

/*
 * A function of the kernel. bcc knows of none: what is called is a number that is no helper's, and
 * the loader puts the function in its place (accel/ebpf/kfunc.py).
 */
#define bpf_sk_assign_tcp_reqsk                                                                    \
	((int (*)(struct __sk_buff *, void *, struct bpf_tcp_req_attrs *, int))0x7f000001)

/* A client that was granted timestamps sends them with every segment (RFC 7323 3.2). */
INLINE void take_timestamps(struct __sk_buff *skb, const struct segment *s,
			    struct bpf_tcp_req_attrs *attrs)
{
	__u32 zero = 0, size = (s->tcp.doff - 5) * 4;
	struct syn_options *o = syn_options.lookup(&zero);

	if (!o || !size || size > OPTION_BYTES)
		return;
	/* A bound that the verifier sees: LLVM 19 knows it too, and would leave the mask out. */
	asm volatile("" : "+r"(size));
	if (read_at(skb, s->options, o->byte, ((size - 1) & 63) + 1))
		return;
	no_options(o);
	o->size = size;
	o->at = 0;
	every_option(o);
	attrs->tstamp_ok = o->timestamps;
	attrs->rcv_tsval = __be32_to_cpu(o->time);
	attrs->rcv_tsecr = __be32_to_cpu(o->echo);
}

INLINE void fill_request(const struct segment *s, const struct accept_keys *keys, __u32 cookie,
			 struct bpf_tcp_req_attrs *attrs)
{
	__u32 options = cookie_options(cookie);
	__u8 wscale = options >> COOKIE_WSCALE_SHIFT & 0xf;

	attrs->mss = cookie_mss(s->p.version, options >> COOKIE_MSS_SHIFT);
	attrs->sack_ok = !!(options & COOKIE_SACK);
	attrs->ecn_ok = options & COOKIE_ECN;
	if (wscale != NO_WSCALE) {
		attrs->wscale_ok = 1;
		attrs->snd_wscale = wscale;
		attrs->rcv_wscale = keys->wscale;
	}
}

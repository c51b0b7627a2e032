// SPDX-License-Identifier: GPL-2.0-only
/* The backend's side: IPIP and GUE are unwrapped before the host's stack sees them. */
#include "headers.h"
#include "decap_verdicts.h"
#include "decap_maps.h"
#include "packet.h"
#include "parse.h"
#include "decap_outer.h"
#include "decap_inner.h"

INLINE int decap_finish(struct packet *p, __u32 verdict)
{
	const int PASS = XDP_PASS, DROP = XDP_DROP;
	struct decap_counter *counter = verdicts.lookup(&verdict);

	if (counter) {
		counter->packets += 1;
		counter->bytes += p->frame_length;
	}
	switch (verdict) {
#define V(name, action, expected, meaning)                                                         \
	case DECAP_##name: return action;
		DECAP_VERDICTS(V)
#undef V
	}
	return XDP_ABORTED;
}

int decap(struct xdp_md *ctx)
{
	struct packet p = {
		.ctx = ctx,
		.at = (void *)(long)ctx->data,
		.end = (void *)(long)ctx->data_end,
		.frame_length = ctx->data_end - ctx->data,
	};
	int verdict;

	verdict = parse_outer(&p) ?:
		  is_tunnel(&p) ?:
		  is_ours(&p) ?:
		  is_allowed(&p) ?:
		  open_gue(&p) ?:
		  read_inner(&p) ?:
		  carry_congestion(&p) ?:
		  strip(&p);

	return decap_finish(&p, verdict);
}

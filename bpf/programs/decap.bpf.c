// SPDX-License-Identifier: GPL-2.0-only
/* The backend's side: IPIP and GUE are unwrapped before the host's stack sees them. */
#include "packet/headers.h"
#include "maps/decap_verdicts.h"
#include "maps/decap.h"
#include "packet/packet.h"
#include "packet/parse.h"
#include "backend/decap_outer.h"
#include "backend/decap_inner.h"
#include "backend/decap_finish.h"

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

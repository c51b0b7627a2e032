// SPDX-License-Identifier: GPL-2.0-only
/* programs/gateway.bpf.c without the guard's steps: what a guard that is off is measured against. */
#include "maps/verdicts.h"
#include "packet/headers.h"
#include "maps/gateway.h"
#include "packet/packet.h"
#include "packet/parse.h"
#include "steering/service.h"
#include "steering/finish.h"
#include "steering/icmp.h"
#include "steering/flow_cache.h"
#include "steering/ring.h"
#include "steering/forward.h"

int unguarded(struct xdp_md *ctx)
{
	struct packet p = {
		.ctx = ctx,
		.at = (void *)(long)ctx->data,
		.end = (void *)(long)ctx->data_end,
		.frame_length = ctx->data_end - ctx->data,
		.slot = NO_SLOT,
		.dry = !!trace_of(ctx),
	};
	int verdict;

	verdict = parse(&p) ?:
		  find_service(&p) ?:
		  handle_icmp(&p) ?:
		  find_flow(&p) ?:
		  choose_by_ring(&p) ?:
		  forward(&p);

	return finish(&p, verdict);
}

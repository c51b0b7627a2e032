// SPDX-License-Identifier: GPL-2.0-only
/* bpf/gateway.c without the guard's steps: what a guard that is off is measured against. */
#include "../bpf/verdicts.h"
#include "../bpf/headers.h"
#include "../bpf/maps.h"
#include "../bpf/packet.h"
#include "../bpf/parse.h"
#include "../bpf/service.h"
#include "../bpf/count.h"
#include "../bpf/icmp.h"
#include "../bpf/flow.h"
#include "../bpf/ring.h"
#include "../bpf/forward.h"

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

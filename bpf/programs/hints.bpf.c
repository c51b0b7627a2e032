// SPDX-License-Identifier: GPL-2.0-only
/* What hints do with packets that the gateway hands over: new flows, and those to learn from. */
#include "maps/verdicts.h"
#include "packet/headers.h"
#include "maps/gateway.h"
#include "packet/packet.h"
#include "packet/parse.h"
#include "steering/service.h"
#include "steering/finish.h"
#include "steering/hand_over.h"
#include "steering/flow_cache.h"
#include "steering/ring.h"
#include "hints/new_flow.h"
#include "hints/quic_cid.h"
#include "hints/learn.h"
#include "steering/forward.h"

/* A new flow that may have a QUIC server id, or that the base choice is too loaded or too cold for. */
int new_flow(struct xdp_md *ctx)
{
	struct packet p = PACKET(ctx);
	int verdict;

	p.passed = take_handed_back();
	verdict = parse(&p) ?:
		  find_service(&p) ?:
		  find_bucket(&p) ?:
		  begin_sample(&p) ?:
		  choose_by_cid(&p) ?:
		  choose_for_new_flow(&p, 1) ?:
		  hand_over_late(&p) ?:
		  forward(&p);

	return finish(&p, verdict);
}

/* A known flow of a service whose clients' hints are learned, until it has said enough. */
int learner(struct xdp_md *ctx)
{
	struct packet p = PACKET(ctx);
	int verdict;

	verdict = parse(&p) ?: find_service(&p) ?: find_bucket(&p) ?: learn(&p) ?: forward(&p);

	return finish(&p, verdict);
}

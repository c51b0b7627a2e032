// SPDX-License-Identifier: GPL-2.0-only
/* What hints do with packets that the gateway hands over: new flows, and those to learn from. */
#include "verdicts.h"
#include "headers.h"
#include "maps.h"
#include "packet.h"
#include "parse.h"
#include "service.h"
#include "count.h"
#include "filter.h"
#include "icmp.h"
#include "flow.h"
#include "ring.h"
#include "newcomer.h"
#include "cid.h"
#include "learn.h"
#include "forward.h"

/* A new flow that may have a QUIC server id, or that the base choice is too loaded or too cold for. */
int newcomer(struct xdp_md *ctx)
{
	struct packet p = PACKET(ctx);
	int verdict;

	p.passed = take_handed_back();
	verdict = parse(&p) ?:
		  find_service(&p) ?:
		  find_bucket(&p) ?:
		  begin_sample(&p) ?:
		  choose_by_cid(&p) ?:
		  choose_for_newcomer(&p, 1) ?:
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

// SPDX-License-Identifier: GPL-2.0-only
/* What the clock of hints is made of, for tests that must know it. */

#define PART_BITS 10 /* of more ticks than a second has */

/* The second, without its highest bits, and how many ticks of it have passed. */
int moment(struct xdp_md *ctx)
{
	unsigned long long ticks = bpf_jiffies64();

	return ticks / TICKS_PER_SECOND << PART_BITS | ticks % TICKS_PER_SECOND;
}

// SPDX-License-Identifier: GPL-2.0-only
/* What the guard's clock is made of, for tests that must know it. */

int ticks(struct xdp_md *ctx)
{
	return bpf_jiffies64();
}

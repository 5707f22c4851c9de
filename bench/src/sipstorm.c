/*
 * sipstorm: a light SIP call generator for the load balancer bench.
 *
 * One thread plays both the caller (UAC, one UDP socket) and all the
 * answering servers (UAS, one UDP socket each).  A call is
 *
 *   INVITE -> (100) 180 200 -> ACK -> hold -> BYE -> 200
 *
 * with the dialog's real route set, Contact and tags, Via and Record-Route
 * copied as RFC 3261 asks, and UDP retransmission of INVITE, BYE (UAC) and of
 * the 200 to INVITE (UAS) on T1 = 500 ms, doubling.  Datagrams are read and
 * written in batches, so one core offers far more calls than SIPp does.
 *
 * usage: sipstorm -t TARGET -c UAC -s UAS[,UAS...] (-r CPS -n CALLS | -p PHASES)
 *                 [-h HOLD_MS] [-x CALL_TIMEOUT_MS] [-H] [-b CALLS [-B CPS]]
 *   -s   0.0.0.0:PORT answers for every loopback address that is called on
 *        PORT, each from its own address (for thousands of peers)
 *   -p   CPS:SECONDS,CPS:SECONDS,...: the offered rate over time; the figures of
 *        each second are printed too
 *   -H   print "held" on stdout once all calls are up, then wait for a line
 *        on stdin before the BYEs are sent (for memory measurements)
 *   -b   first bring up CALLS calls that stay up (at -B, 4000 a second), print
 *        "ready", wait for a line on stdin; only what follows is measured
 *
 * Prints one JSON object on stdout.  Exit status 0 whatever became of calls.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

typedef uint64_t u64;
typedef uint32_t u32;

#define MAX_UAS 16
#define BATCH 64
#define DGRAM 8192
#define SOCKBUF (4 << 20)
#define T1_US 500000ULL
#define STEPS 4			/* retransmissions after 0.5, 1, 2 and 4 s */

enum { IDLE, INVITING, UP, ENDING, DONE, FAILED };
enum { S_NONE, S_ANSWERED, S_ACKED, S_ENDED };
enum { Q_INVITE, Q_BYE, Q_ANSWER };

struct str { const char *p; u32 n; };

struct call {
	u64 t_invite;		/* us */
	char *dialog;		/* "Route...\r\n" lines, then To, then Contact */
	char *answer;		/* UAS: the 200 kept until ACK */
	uint16_t routes_n, to_n, contact_n, answer_n;
	unsigned char state, server, provisional, rang, uas;
	struct sockaddr_in peer;	/* UAS: where the INVITE came from */
	struct in_addr local;		/* UAS: the address that was called */
};

struct entry { u64 due; u32 call; };
struct fifo { struct entry *e; u32 head, len, cap; };

struct sock {
	int fd;
	char host[32];		/* "ip:port"; of an any-socket, that last called */
	int any;		/* bound to 0.0.0.0: answers from the address called */
	in_port_t port;
	struct in_addr local;	/* any-socket: where the next datagram leaves from */
	char out_ctl[BATCH][CMSG_SPACE(sizeof(struct in_pktinfo))];
	struct mmsghdr out[BATCH];
	struct iovec out_iov[BATCH];
	struct sockaddr_in out_to[BATCH];
	char out_buf[BATCH][DGRAM];
	int out_n;
};

static struct sock uac, uas[MAX_UAS];
static int n_uas;
static struct sockaddr_in target;
static char target_text[32];
static struct call *calls;
static u32 n_calls, n_background, started, finished;
static unsigned long run_id;

static struct fifo timers[3][STEPS], hold_q, invite_life_q, bye_life_q;
static u64 hold_us = 1000000, life_us = 10000000;

static struct {
	u64 ok, failed, timeouts, rejected, re_invite, re_bye, re_200;
	u64 dup_invite, dup_200, stray, sent, received, send_errors;
	u64 late_180, acked, unlaunched, per_uas[MAX_UAS];
	int last_reject;
} st;

/* what happened in each second, for -p: calls by the second they were launched in
 * (launched, ring), everything else by the second it happened in */
#define MAX_SECONDS 600
#define MAX_PHASES 16
static struct second {
	u32 launched, answered, ok, rejected, timeouts, resent;
	u64 *ring;
} seconds[MAX_SECONDS];
static struct { double rate; u64 start; u32 first; } phases[MAX_PHASES + 1];
static int n_phases, with_seconds;
static u64 run_start;
static unsigned char called[1 << 16];	/* by the address's last two octets */

/* latency histograms: 32 linear steps per power of two, microseconds */
#define HIST 1024
static u64 h_ring[HIST], h_answer[HIST], ring_max, answer_max;

static u64 now_us(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (u64)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

static void die(const char *what)
{
	perror(what);
	exit(1);
}

static void record(u64 *h, u64 *max, u64 us)
{
	u32 i;

	if (us > *max)
		*max = us;
	if (us < 32) {
		i = us;
	} else {
		int e = 63 - __builtin_clzll(us);	/* >= 5 */

		i = (e - 4) * 32 + ((us >> (e - 5)) & 31);
	}
	h[i < HIST ? i : HIST - 1]++;
}

static double quantile(const u64 *h, double q)
{
	u64 total = 0, seen = 0, want;
	u32 i;

	for (i = 0; i < HIST; i++)
		total += h[i];
	if (!total)
		return 0;
	want = (u64)(q * (total - 1)) + 1;
	for (i = 0; i < HIST; i++) {
		seen += h[i];
		if (seen >= want)
			break;
	}
	if (i < 32)
		return i;
	return (double)((32ULL + (i & 31)) << (i / 32 - 1));
}

/* the second of a time since the start; NULL where none is kept */
static struct second *second(u64 t)
{
	u64 s = (t - run_start) / 1000000;

	return with_seconds && t >= run_start && s < MAX_SECONDS ? &seconds[s] : NULL;
}

static u64 last_now;	/* of the turn of the main loop */

#define TICK(field) do { struct second *s_ = second(last_now); if (s_) s_->field++; } while (0)

/* how many calls are due at a time since the start, and when a call is */
static u32 due_at(u64 t)
{
	int k = 0;
	double n;

	while (k + 1 < n_phases && t >= phases[k + 1].start)
		k++;
	n = phases[k].first + (t - phases[k].start) * phases[k].rate / 1e6 + 1;
	return n > phases[n_phases].first ? phases[n_phases].first : (u32)n;
}

/* the first call of the phase of a time since the start */
static u32 first_at(u64 t)
{
	int k = 0;

	while (k + 1 < n_phases && t >= phases[k + 1].start)
		k++;
	return phases[k].first;
}

static u64 planned_at(u32 i)
{
	int k = 0;

	while (k + 1 < n_phases && i >= phases[k + 1].first)
		k++;
	return phases[k].start + (u64)((i - phases[k].first) * 1e6 / phases[k].rate);
}

static void push(struct fifo *f, u32 call, u64 due)
{
	if (f->len == f->cap) {
		u32 cap = f->cap ? f->cap * 2 : 1024, i;
		struct entry *e = malloc(cap * sizeof *e);

		if (!e)
			die("malloc");
		for (i = 0; i < f->len; i++)
			e[i] = f->e[(f->head + i) & (f->cap - 1)];
		free(f->e);
		f->e = e;
		f->head = 0;
		f->cap = cap;
	}
	f->e[(f->head + f->len++) & (f->cap - 1)] = (struct entry){ due, call };
}

static int pop_due(struct fifo *f, u64 now, u32 *call)
{
	if (!f->len || f->e[f->head].due > now)
		return 0;
	*call = f->e[f->head].call;
	f->head = (f->head + 1) & (f->cap - 1);
	f->len--;
	return 1;
}

static void flush(struct sock *s)
{
	int done = 0;

	while (done < s->out_n) {
		int n = sendmmsg(s->fd, s->out + done, s->out_n - done, 0);

		if (n > 0) {
			done += n;
			st.sent += n;
		} else if (errno != EINTR) {
			st.send_errors++;
			done++;
		}
	}
	s->out_n = 0;
}

static char *slot(struct sock *s)
{
	if (s->out_n == BATCH)
		flush(s);
	return s->out_buf[s->out_n];
}

static void queue(struct sock *s, size_t n, const struct sockaddr_in *to)
{
	int i = s->out_n++;

	s->out_to[i] = *to;
	s->out_iov[i].iov_len = n;
	if (s->any) {
		struct cmsghdr *h = (struct cmsghdr *)s->out_ctl[i];
		struct in_pktinfo info = { .ipi_spec_dst = s->local };

		h->cmsg_level = IPPROTO_IP;
		h->cmsg_type = IP_PKTINFO;
		h->cmsg_len = CMSG_LEN(sizeof info);
		memcpy(CMSG_DATA(h), &info, sizeof info);
	}
}

/* ---- caller ---- */

#define SDP \
	"v=0\r\no=bench 53655765 2353687637 IN IP4 127.0.0.1\r\ns=-\r\n" \
	"c=IN IP4 127.0.0.1\r\nt=0 0\r\nm=audio 40000 RTP/AVP 0\r\n" \
	"a=rtpmap:0 PCMU/8000\r\n"

static char *put(char *d, const char *s, size_t n)
{
	memcpy(d, s, n);
	return d + n;
}
#define LIT(d, s) put(d, s, sizeof(s) - 1)

static char *put_s(char *d, const char *s)
{
	return put(d, s, strlen(s));
}

static char *put_hex(char *d, u64 v)
{
	char t[16];
	int n = 0;

	do
		t[n++] = "0123456789abcdef"[v & 15];
	while (v >>= 4);
	while (n)
		*d++ = t[--n];
	return d;
}

static char *put_dec(char *d, u32 v)
{
	char t[10];
	int n = 0;

	do
		t[n++] = '0' + v % 10;
	while (v /= 10);
	while (n)
		*d++ = t[--n];
	return d;
}

static char *caller_head(char *d, u32 i, char leg)
{
	d = LIT(d, "Via: SIP/2.0/UDP ");
	d = put_s(d, uac.host);
	d = LIT(d, ";branch=z9hG4bK");
	d = put_hex(d, run_id);
	*d++ = leg;
	d = put_hex(d, i);
	return LIT(d, "\r\nMax-Forwards: 70\r\n");
}

static char *caller_from_callid(char *d, u32 i)
{
	d = LIT(d, "From: caller <sip:caller@");
	d = put_s(d, uac.host);
	d = LIT(d, ">;tag=c");
	d = put_hex(d, run_id);
	*d++ = 'x';
	d = put_hex(d, i);
	d = LIT(d, "\r\nCall-ID: ");
	d = put_hex(d, i);
	*d++ = '-';
	d = put_hex(d, run_id);
	return LIT(d, "@storm.invalid\r\n");
}

static void send_invite(u32 i)
{
	char *b = slot(&uac), *d = b;

	d = LIT(d, "INVITE sip:bench@");
	d = put_s(d, target_text);
	d = LIT(d, " SIP/2.0\r\n");
	d = caller_head(d, i, 'i');
	d = caller_from_callid(d, i);
	d = LIT(d, "To: bench <sip:bench@");
	d = put_s(d, target_text);
	d = LIT(d, ">\r\nCSeq: 1 INVITE\r\nContact: <sip:caller@");
	d = put_s(d, uac.host);
	d = LIT(d, ">\r\nSubject: Load balancer bench\r\n"
		   "Content-Type: application/sdp\r\nContent-Length: ");
	d = put_dec(d, sizeof(SDP) - 1);
	d = LIT(d, "\r\n\r\n" SDP);
	queue(&uac, d - b, &target);
}

static void send_in_dialog(u32 i, int bye)
{
	struct call *c = &calls[i];
	char *b = slot(&uac), *d = b;

	d = bye ? LIT(d, "BYE ") : LIT(d, "ACK ");
	d = put(d, c->dialog + c->routes_n + c->to_n, c->contact_n);
	d = LIT(d, " SIP/2.0\r\n");
	d = caller_head(d, i, bye ? 'b' : 'a');
	d = put(d, c->dialog, c->routes_n);
	d = caller_from_callid(d, i);
	d = put(d, c->dialog + c->routes_n, c->to_n);
	d = bye ? LIT(d, "CSeq: 2 BYE\r\n") : LIT(d, "CSeq: 1 ACK\r\n");
	d = LIT(d, "Contact: <sip:caller@");
	d = put_s(d, uac.host);
	d = LIT(d, ">\r\nContent-Length: 0\r\n\r\n");
	queue(&uac, d - b, &target);
}

/* ACK to a non-2xx final response: same branch and R-URI as the INVITE */
static void send_fail_ack(u32 i, struct str to)
{
	char *b = slot(&uac), *d = b;

	d = LIT(d, "ACK sip:bench@");
	d = put_s(d, target_text);
	d = LIT(d, " SIP/2.0\r\n");
	d = caller_head(d, i, 'i');
	d = caller_from_callid(d, i);
	d = put(d, to.p, to.n);
	d = LIT(d, "CSeq: 1 ACK\r\nContent-Length: 0\r\n\r\n");
	queue(&uac, d - b, &target);
}

static void end_call(u32 i, int state)
{
	struct call *c = &calls[i];

	if (c->state == DONE || c->state == FAILED)
		return;
	c->state = state;
	finished++;
	if (state == DONE) {
		st.ok++;
		TICK(ok);
	} else {
		st.failed++;
	}
	free(c->dialog);
	c->dialog = NULL;
}

/* ---- parsing: header lines of one message ---- */

#define MAX_LINES 16

struct msg {
	struct str via[MAX_LINES], rr[MAX_LINES];	/* whole lines with CRLF */
	struct str from, to, callid, cseq, contact;	/* whole lines with CRLF */
	int n_via, n_rr;
};

static int name_is(const char *p, u32 n, const char *name, char compact)
{
	if (n == 1)
		return compact && (*p | 32) == compact;
	return n == strlen(name) && !strncasecmp(p, name, n);
}

static int parse(const char *p, const char *end, struct msg *m)
{
	m->n_via = m->n_rr = 0;
	memset(&m->from, 0, 5 * sizeof m->from);
	p = memchr(p, '\n', end - p);
	if (!p)
		return 0;
	for (p++; p < end && *p != '\r' && *p != '\n'; ) {
		const char *nl = memchr(p, '\n', end - p), *colon;
		struct str line;
		u32 n;

		if (!nl)
			return 0;
		line = (struct str){ p, nl + 1 - p };
		colon = memchr(p, ':', nl - p);
		if (colon) {
			for (n = colon - p; n && p[n - 1] == ' '; n--)
				;
			switch (*p | 32) {
			case 'v':
				if (name_is(p, n, "via", 'v') && m->n_via < MAX_LINES)
					m->via[m->n_via++] = line;
				break;
			case 'r':
				if (name_is(p, n, "record-route", 0) && m->n_rr < MAX_LINES)
					m->rr[m->n_rr++] = line;
				break;
			case 'f':
				if (name_is(p, n, "from", 'f'))
					m->from = line;
				break;
			case 't':
				if (name_is(p, n, "to", 't'))
					m->to = line;
				break;
			case 'i':
				if (name_is(p, n, "call-id", 'i'))
					m->callid = line;
				break;
			case 'm':
				if (name_is(p, n, "contact", 'm'))
					m->contact = line;
				break;
			case 'c':
				if (name_is(p, n, "call-id", 0))
					m->callid = line;
				else if (name_is(p, n, "cseq", 0))
					m->cseq = line;
				else if (name_is(p, n, "contact", 0))
					m->contact = line;
				break;
			}
		}
		p = nl + 1;
	}
	return m->n_via && m->from.n && m->to.n && m->callid.n && m->cseq.n;
}

/* the call number in "Call-ID: <hex>-<run>@..." ; -1 if not of this run */
static long call_number(struct str line)
{
	const char *p = memchr(line.p, ':', line.n), *end = line.p + line.n;
	u64 v[2] = { 0, 0 };
	int k = 0;

	for (p++; p < end && *p == ' '; p++)
		;
	for (; p < end && k < 2; p++) {
		int c = *p;

		if (c >= '0' && c <= '9')
			v[k] = v[k] * 16 + c - '0';
		else if (c >= 'a' && c <= 'f')
			v[k] = v[k] * 16 + c - 'a' + 10;
		else
			k++;
	}
	return k == 2 && v[1] == run_id && v[0] < n_calls ? (long)v[0] : -1;
}

static int cseq_is(struct str line, const char *method)
{
	size_t n = strlen(method);

	while (line.n && (line.p[line.n - 1] == '\r' || line.p[line.n - 1] == '\n'))
		line.n--;
	return line.n > n && !memcmp(line.p + line.n - n, method, n);
}

/* learn route set, To and remote target from the 200 to INVITE */
static int learn(struct call *c, struct msg *m)
{
	const char *lt = m->contact.n ? memchr(m->contact.p, '<', m->contact.n) : NULL;
	const char *gt = lt ? memchr(lt, '>', m->contact.p + m->contact.n - lt) : NULL;
	size_t need = m->to.n;
	char *d;
	int i;

	if (!gt)
		return 0;
	for (i = 0; i < m->n_rr; i++)
		need += m->rr[i].n;
	need += gt - lt - 1;
	d = c->dialog = malloc(need);
	if (!d)
		die("malloc");
	/* the caller's route set is the Record-Route list reversed; a
	 * comma-separated line is only met with several proxies */
	for (i = m->n_rr - 1; i >= 0; i--)
		d = put(d, m->rr[i].p + 7, m->rr[i].n - 7);
	c->routes_n = d - c->dialog;
	d = put(d, m->to.p, m->to.n);
	c->to_n = m->to.n;
	d = put(d, lt + 1, gt - lt - 1);
	c->contact_n = gt - lt - 1;
	return 1;
}

static void caller_got(const char *p, size_t n, u64 now)
{
	struct msg m;
	struct call *c;
	int code;
	long i;

	if (n < 12 || memcmp(p, "SIP/2.0 ", 8) || !parse(p, p + n, &m) ||
	    (i = call_number(m.callid)) < 0) {
		st.stray++;
		return;
	}
	c = &calls[i];
	code = atoi(p + 8);
	if (cseq_is(m.cseq, "INVITE")) {
		if (code < 200) {
			c->provisional = 1;
			if (code >= 180 && c->state != INVITING)
				st.late_180++;
			if (code >= 180 && !c->rang) {
				c->rang = 1;
				record(h_ring, &ring_max, now - c->t_invite);
				if (second(c->t_invite)) {
					u64 max = 0;

					record(second(c->t_invite)->ring, &max, now - c->t_invite);
				}
			}
			return;
		}
		if (code < 300) {
			if (c->state == INVITING) {
				if (!learn(c, &m)) {
					st.stray++;
					return;
				}
				record(h_answer, &answer_max, now - c->t_invite);
				c->state = UP;
				TICK(answered);
				if (i >= n_background)
					push(&hold_q, i, now + hold_us);
				send_in_dialog(i, 0);
			} else if (c->dialog) {
				st.dup_200++;
				send_in_dialog(i, 0);
			}
			return;
		}
		send_fail_ack(i, m.to);
		if (c->state == INVITING) {
			st.rejected++;
			TICK(rejected);
			st.last_reject = code;
			end_call(i, FAILED);
		}
		return;
	}
	if (cseq_is(m.cseq, "BYE") && code >= 200 && c->state == ENDING) {
		if (code < 300) {
			end_call(i, DONE);
		} else {
			st.rejected++;
			st.last_reject = code;
			end_call(i, FAILED);
		}
	}
}

/* ---- answering server ---- */

static size_t reply(char *b, struct msg *m, const char *line, struct sock *s,
		    u32 i, int tag, int body)
{
	char *d = put_s(b, line);
	int k;

	for (k = 0; k < m->n_via; k++)
		d = put(d, m->via[k].p, m->via[k].n);
	if (tag)
		for (k = 0; k < m->n_rr; k++)
			d = put(d, m->rr[k].p, m->rr[k].n);
	d = put(d, m->from.p, m->from.n);
	if (tag) {
		u32 n = m->to.n;

		while (n && (m->to.p[n - 1] == '\r' || m->to.p[n - 1] == '\n'))
			n--;
		d = put(d, m->to.p, n);
		d = LIT(d, ";tag=s");
		d = put_hex(d, run_id);
		*d++ = 'x';
		d = put_hex(d, i);
		d = LIT(d, "\r\n");
	} else {
		d = put(d, m->to.p, m->to.n);
	}
	d = put(d, m->callid.p, m->callid.n);
	d = put(d, m->cseq.p, m->cseq.n);
	if (tag) {
		d = LIT(d, "Contact: <sip:bench@");
		d = put_s(d, s->host);
		d = LIT(d, ">\r\n");
	}
	if (body) {
		d = LIT(d, "Content-Type: application/sdp\r\nContent-Length: ");
		d = put_dec(d, sizeof(SDP) - 1);
		d = LIT(d, "\r\n\r\n" SDP);
	} else {
		d = LIT(d, "Content-Length: 0\r\n\r\n");
	}
	return d - b;
}

static void server_got(int u, const char *p, size_t n,
		       const struct sockaddr_in *from, u64 now)
{
	struct sock *s = &uas[u];
	struct msg m;
	struct call *c;
	long i;
	size_t len;
	char *b;

	if (n < 12 || !parse(p, p + n, &m)) {
		st.stray++;
		return;
	}
	if (!memcmp(p, "OPTIONS ", 8)) {	/* a probe, of no call of ours */
		b = slot(s);
		queue(s, reply(b, &m, "SIP/2.0 200 OK\r\n", s, 0, 0, 0), from);
		return;
	}
	if ((i = call_number(m.callid)) < 0) {
		st.stray++;
		return;
	}
	c = &calls[i];
	if (!memcmp(p, "INVITE ", 7)) {
		if (c->server != S_NONE) {
			st.dup_invite++;
			if (c->server == S_ANSWERED && c->uas == u) {
				b = slot(s);
				memcpy(b, c->answer, c->answer_n);
				queue(s, c->answer_n, from);
			}
			return;
		}
		c->server = S_ANSWERED;
		c->uas = u;
		c->peer = *from;
		c->local = s->local;
		st.per_uas[u]++;
		called[ntohl(s->local.s_addr) & 0xffff] = 1;
		b = slot(s);
		len = reply(b, &m, "SIP/2.0 180 Ringing\r\n", s, i, 1, 0);
		queue(s, len, from);
		b = slot(s);
		len = reply(b, &m, "SIP/2.0 200 OK\r\n", s, i, 1, 1);
		queue(s, len, from);
		c->answer = malloc(len);
		if (!c->answer)
			die("malloc");
		memcpy(c->answer, b, len);
		c->answer_n = len;
		push(&timers[Q_ANSWER][0], i, now + T1_US);
	} else if (!memcmp(p, "ACK ", 4)) {
		if (c->server == S_ANSWERED) {
			c->server = S_ACKED;
			st.acked++;
			free(c->answer);
			c->answer = NULL;
		}
	} else if (!memcmp(p, "BYE ", 4)) {
		if (c->server == S_ANSWERED) {
			free(c->answer);
			c->answer = NULL;
		}
		c->server = S_ENDED;
		b = slot(s);
		queue(s, reply(b, &m, "SIP/2.0 200 OK\r\n", s, i, 0, 0), from);
	} else {
		st.stray++;
	}
}

/* ---- timers ---- */

static void run_timers(u64 now, int byes)
{
	u32 i;
	int k;

	while (byes && pop_due(&hold_q, now, &i)) {
		if (calls[i].state != UP)
			continue;
		calls[i].state = ENDING;
		send_in_dialog(i, 1);
		push(&timers[Q_BYE][0], i, now + T1_US);
		push(&bye_life_q, i, now + life_us);
	}
	for (k = 0; k < STEPS; k++) {
		u64 next = T1_US << (k + 1);

		while (pop_due(&timers[Q_INVITE][k], now, &i)) {
			/* a provisional response stops Timer A (17.1.1.2) */
			if (calls[i].state != INVITING || calls[i].provisional)
				continue;
			st.re_invite++;
			TICK(resent);
			send_invite(i);
			if (k + 1 < STEPS)
				push(&timers[Q_INVITE][k + 1], i, now + next);
		}
		while (pop_due(&timers[Q_BYE][k], now, &i)) {
			if (calls[i].state != ENDING)
				continue;
			st.re_bye++;
			TICK(resent);
			send_in_dialog(i, 1);
			if (k + 1 < STEPS)
				push(&timers[Q_BYE][k + 1], i, now + next);
		}
		while (pop_due(&timers[Q_ANSWER][k], now, &i)) {
			struct call *c = &calls[i];
			char *b;

			if (c->server != S_ANSWERED)
				continue;
			st.re_200++;
			uas[c->uas].local = c->local;
			b = slot(&uas[c->uas]);
			memcpy(b, c->answer, c->answer_n);
			queue(&uas[c->uas], c->answer_n, &c->peer);
			if (k + 1 < STEPS)
				push(&timers[Q_ANSWER][k + 1], i, now + next);
		}
	}
	for (k = 0; k < 2; k++) {
		int unanswered = k ? ENDING : INVITING;

		while (pop_due(k ? &bye_life_q : &invite_life_q, now, &i)) {
			if (calls[i].state != unanswered)
				continue;
			st.timeouts++;
			TICK(timeouts);
			end_call(i, FAILED);
		}
	}
}

/* ---- set-up and main loop ---- */

static struct sockaddr_in address(const char *text)
{
	struct sockaddr_in a = { .sin_family = AF_INET };
	char host[64];
	unsigned port;

	if (sscanf(text, "%63[^:]:%u", host, &port) != 2 ||
	    inet_pton(AF_INET, host, &a.sin_addr) != 1 || port > 65535) {
		fprintf(stderr, "sipstorm: bad address %s\n", text);
		exit(2);
	}
	a.sin_port = htons(port);
	return a;
}

static void open_sock(struct sock *s, const char *text)
{
	struct sockaddr_in a = address(text);
	int i, size = SOCKBUF, on = 1;

	s->any = a.sin_addr.s_addr == INADDR_ANY;
	s->local = a.sin_addr;
	s->port = ntohs(a.sin_port);
	snprintf(s->host, sizeof s->host, "%s", text);
	s->fd = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (s->fd < 0)
		die("socket");
	setsockopt(s->fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof size);
	setsockopt(s->fd, SOL_SOCKET, SO_SNDBUF, &size, sizeof size);
	if (s->any)
		setsockopt(s->fd, IPPROTO_IP, IP_PKTINFO, &on, sizeof on);
	if (bind(s->fd, (struct sockaddr *)&a, sizeof a) < 0)
		die(text);
	for (i = 0; i < BATCH; i++) {
		s->out_iov[i].iov_base = s->out_buf[i];
		s->out[i].msg_hdr.msg_iov = &s->out_iov[i];
		s->out[i].msg_hdr.msg_iovlen = 1;
		s->out[i].msg_hdr.msg_name = &s->out_to[i];
		s->out[i].msg_hdr.msg_namelen = sizeof s->out_to[i];
		if (s->any) {
			s->out[i].msg_hdr.msg_control = s->out_ctl[i];
			s->out[i].msg_hdr.msg_controllen = sizeof s->out_ctl[i];
		}
	}
}

static struct mmsghdr in[BATCH];
static struct iovec in_iov[BATCH];
static struct sockaddr_in in_from[BATCH];
static char in_buf[BATCH][DGRAM];
static char in_ctl[BATCH][64];

/* which address of an any-socket a datagram came to */
static void called_at(struct sock *s, struct msghdr *m)
{
	struct cmsghdr *h;
	char ip[INET_ADDRSTRLEN];

	for (h = CMSG_FIRSTHDR(m); h; h = CMSG_NXTHDR(m, h))
		if (h->cmsg_level == IPPROTO_IP && h->cmsg_type == IP_PKTINFO) {
			struct in_pktinfo info;

			memcpy(&info, CMSG_DATA(h), sizeof info);
			s->local = info.ipi_addr;
			inet_ntop(AF_INET, &s->local, ip, sizeof ip);
			snprintf(s->host, sizeof s->host, "%s:%u", ip, s->port);
		}
}

static int drain(struct sock *s, int u)
{
	int i, n;
	u64 now;

	for (i = 0; i < BATCH; i++) {
		in[i].msg_hdr.msg_namelen = sizeof in_from[i];
		in[i].msg_hdr.msg_control = s->any ? in_ctl[i] : NULL;
		in[i].msg_hdr.msg_controllen = s->any ? sizeof in_ctl[i] : 0;
	}
	n = recvmmsg(s->fd, in, BATCH, 0, NULL);
	if (n <= 0)
		return 0;
	st.received += n;
	now = last_now = now_us();
	for (i = 0; i < n; i++) {
		if (u < 0) {
			caller_got(in_buf[i], in[i].msg_len, now);
			continue;
		}
		if (s->any)
			called_at(s, &in[i].msg_hdr);
		server_got(u, in_buf[i], in[i].msg_len, &in_from[i], now);
	}
	return n;
}

/* ---- the run ---- */

static struct pollfd pfd[MAX_UAS + 1];
static u64 launch_end, worst_lag;

static void launch(u64 now)
{
	u32 due = n_background + due_at(now - run_start);
	u32 first = n_background + first_at(now - run_start);
	int burst = 0;

	/* a phase's calls that could not be launched in it do not burden the next */
	if (started < first) {
		st.unlaunched += first - started;
		finished += first - started;
		started = first;
	}

	if (started < due) {
		u64 planned = run_start + planned_at(started - n_background);

		if (now > planned && now - planned > worst_lag)
			worst_lag = now - planned;
	}
	while (started < due && burst++ < 32) {
		calls[started].state = INVITING;
		calls[started].t_invite = now;
		TICK(launched);
		send_invite(started);
		push(&timers[Q_INVITE][0], started, now + T1_US);
		push(&invite_life_q, started, now + life_us);
		if (++started == n_calls)
			launch_end = now;
	}
}

/* one turn: what is due goes out, then what has come is read */
static void turn(u64 next_launch, int byes)
{
	struct timespec wait = { 0, 500000 };
	u64 now;
	int i;

	run_timers(last_now, byes);
	flush(&uac);
	for (i = 0; i < n_uas; i++)
		flush(&uas[i]);
	if (next_launch) {
		now = now_us();
		if (next_launch <= now)
			wait.tv_nsec = 0;
		else if (next_launch - now < 500)
			wait.tv_nsec = (next_launch - now) * 1000;
	}
	if (ppoll(pfd, n_uas + 1, &wait, NULL) <= 0)
		return;
	for (i = 0; i < n_uas; i++)
		if (pfd[i + 1].revents && drain(&uas[i], i))
			flush(&uas[i]);
	if (pfd[0].revents && drain(&uac, -1))
		flush(&uac);
}

static void wait_for_line(const char *what, u32 n)
{
	char line[8];

	printf("%s %u\n", what, n);
	fflush(stdout);
	if (read(0, line, sizeof line) < 0)
		die("read");
}

/* calls that come up before the measured ones and stay */
static void bring_up_background(double rate)
{
	u64 begin = now_us();
	u32 i, up = 0;

	while (st.acked + st.failed < n_background) {
		u64 next = begin + (u64)(started * 1e6 / rate);
		int burst = 0;

		last_now = now_us();
		for (; started < n_background && next <= last_now && burst < 32; burst++) {
			calls[started].state = INVITING;
			calls[started].t_invite = last_now;
			send_invite(started);
			push(&timers[Q_INVITE][0], started, last_now + T1_US);
			push(&invite_life_q, started, last_now + life_us);
			started++;
			next = begin + (u64)(started * 1e6 / rate);
		}
		turn(started < n_background ? next : 0, 0);
	}
	for (i = 0; i < n_background; i++)
		up += calls[i].state == UP;
	wait_for_line("ready", up);
	memset(&st, 0, sizeof st);
	memset(h_ring, 0, sizeof h_ring);
	memset(h_answer, 0, sizeof h_answer);
	ring_max = answer_max = 0;
	finished = 0;
}

/* "CPS:SECONDS,..." */
static void parse_phases(char *text)
{
	char *one;
	double rate, length;
	u32 k;

	with_seconds = 1;
	for (one = strtok(text, ","); one; one = strtok(NULL, ",")) {
		if (n_phases == MAX_PHASES || sscanf(one, "%lf:%lf", &rate, &length) != 2 ||
		    rate <= 0 || length <= 0) {
			fprintf(stderr, "sipstorm: bad phase %s\n", one);
			exit(2);
		}
		phases[n_phases].rate = rate;
		phases[n_phases + 1].start = phases[n_phases].start + (u64)(length * 1e6);
		phases[n_phases + 1].first = phases[n_phases].first + (u32)(rate * length);
		n_phases++;
	}
	for (k = 0; k < MAX_SECONDS; k++) {
		seconds[k].ring = calloc(HIST, sizeof(u64));
		if (!seconds[k].ring)
			die("calloc");
	}
}

static void print_seconds(u64 end)
{
	u32 k, n = (end - run_start) / 1000000 + 1;

	printf(",\"seconds\":[");
	for (k = 0; k < n && k < MAX_SECONDS; k++) {
		struct second *s = &seconds[k];

		printf("%s{\"launched\":%u,\"answered\":%u,\"ok\":%u,\"rejected\":%u,"
		       "\"timeouts\":%u,\"resent\":%u,\"p50\":%.0f,\"p99\":%.0f}",
		       k ? "," : "", s->launched, s->answered, s->ok, s->rejected,
		       s->timeouts, s->resent, quantile(s->ring, .5), quantile(s->ring, .99));
	}
	printf("]");
}

#define LLU(x) ((unsigned long long)(x))

static void print_result(u64 now)
{
	struct rusage ru;
	u32 measured = n_calls - n_background, addresses = 0;
	double rate = phases[0].rate;
	int i;

	getrusage(RUSAGE_SELF, &ru);
	printf("{\"calls\":%u,\"ok\":%llu,\"failed\":%llu,\"timeouts\":%llu,"
	       "\"rejected\":%llu,\"last_reject\":%d,\"re_invite\":%llu,"
	       "\"re_bye\":%llu,\"re_200\":%llu,\"dup_invite\":%llu,"
	       "\"dup_200\":%llu,\"late_180\":%llu,\"stray\":%llu,"
	       "\"sent\":%llu,\"received\":%llu,\"send_errors\":%llu,",
	       measured, LLU(st.ok), LLU(st.failed), LLU(st.timeouts), LLU(st.rejected),
	       st.last_reject, LLU(st.re_invite), LLU(st.re_bye), LLU(st.re_200),
	       LLU(st.dup_invite), LLU(st.dup_200), LLU(st.late_180), LLU(st.stray),
	       LLU(st.sent), LLU(st.received), LLU(st.send_errors));
	printf("\"rate_offered\":%.1f,\"rate_launched\":%.1f,\"worst_lag_ms\":%.1f,"
	       "\"wall_s\":%.3f,\"launch_s\":%.3f,\"cpu_s\":%.3f,", rate,
	       measured / ((launch_end - run_start) / 1e6 + 1 / rate), worst_lag / 1e3,
	       (now - run_start) / 1e6, (launch_end - run_start) / 1e6,
	       ru.ru_utime.tv_sec + ru.ru_stime.tv_sec +
	       (ru.ru_utime.tv_usec + ru.ru_stime.tv_usec) / 1e6);
	printf("\"ring_us\":{\"p50\":%.0f,\"p90\":%.0f,\"p99\":%.0f,\"p999\":%.0f,\"max\":%llu},",
	       quantile(h_ring, .5), quantile(h_ring, .9), quantile(h_ring, .99),
	       quantile(h_ring, .999), LLU(ring_max));
	printf("\"answer_us\":{\"p50\":%.0f,\"p90\":%.0f,\"p99\":%.0f,\"p999\":%.0f,\"max\":%llu},",
	       quantile(h_answer, .5), quantile(h_answer, .9), quantile(h_answer, .99),
	       quantile(h_answer, .999), LLU(answer_max));
	for (i = 0; i < (int)sizeof called; i++)
		addresses += called[i];
	printf("\"unlaunched\":%llu,", LLU(st.unlaunched));
	printf("\"uas_addresses\":%u,\"per_uas\":[", addresses);
	for (i = 0; i < n_uas; i++)
		printf("%s%llu", i ? "," : "", LLU(st.per_uas[i]));
	printf("]");
	if (with_seconds)
		print_seconds(now);
	printf("}\n");
}

static void run(int hold_mode)
{
	int byes = !hold_mode;
	u32 k;

	run_start = now_us();
	while (finished < n_calls - n_background) {
		last_now = now_us();
		launch(last_now);
		if (hold_mode && !byes && started == n_calls && st.acked + st.failed >= n_calls) {
			wait_for_line("held", hold_q.len);
			/* spread the BYEs at the call rate */
			last_now = now_us();
			for (k = 0; k < hold_q.len; k++)
				hold_q.e[(hold_q.head + k) & (hold_q.cap - 1)].due =
					last_now + (u64)(k * 1e6 / phases[0].rate);
			byes = 1;
		}
		turn(started < n_calls ? run_start + planned_at(started - n_background) : 0, byes);
	}
	print_result(now_us());
}

static void set_up_sockets(const char *caller, char *servers)
{
	char *one;
	int i;

	open_sock(&uac, caller);
	for (one = strtok(servers, ","); one && n_uas < MAX_UAS; one = strtok(NULL, ","))
		open_sock(&uas[n_uas++], one);
	for (i = 0; i < BATCH; i++) {
		in_iov[i] = (struct iovec){ in_buf[i], DGRAM };
		in[i].msg_hdr.msg_iov = &in_iov[i];
		in[i].msg_hdr.msg_iovlen = 1;
		in[i].msg_hdr.msg_name = &in_from[i];
	}
	pfd[0] = (struct pollfd){ uac.fd, POLLIN, 0 };
	for (i = 0; i < n_uas; i++)
		pfd[i + 1] = (struct pollfd){ uas[i].fd, POLLIN, 0 };
}

int main(int argc, char **argv)
{
	const char *t = NULL, *c = NULL;
	char *servers = NULL;
	double rate = 0, background_rate = 4000;
	int opt, hold_mode = 0;

	while ((opt = getopt(argc, argv, "t:c:s:r:n:h:x:p:b:B:H")) != -1) {
		switch (opt) {
		case 't': t = optarg; break;
		case 'c': c = optarg; break;
		case 's': servers = strdup(optarg); break;
		case 'r': rate = atof(optarg); break;
		case 'n': n_calls = strtoul(optarg, NULL, 10); break;
		case 'h': hold_us = strtoull(optarg, NULL, 10) * 1000; break;
		case 'x': life_us = strtoull(optarg, NULL, 10) * 1000; break;
		case 'p': parse_phases(strdup(optarg)); break;
		case 'b': n_background = strtoul(optarg, NULL, 10); break;
		case 'B': background_rate = atof(optarg); break;
		case 'H': hold_mode = 1; break;
		default: return 2;
		}
	}
	if (!n_phases && rate > 0) {
		phases[0].rate = rate;
		phases[1].first = n_calls;
		n_phases = 1;
	}
	if (!t || !c || !servers || !n_phases || !phases[n_phases].first ||
	    background_rate <= 0 || (hold_mode && n_background)) {
		fprintf(stderr, "usage: sipstorm -t TARGET -c UAC -s UAS[,UAS...] "
			"(-r CPS -n CALLS | -p CPS:SECONDS,...) [-h HOLD_MS] [-x TIMEOUT_MS] "
			"[-H] [-b CALLS [-B CPS]]\n");
		return 2;
	}
	n_calls = n_background + phases[n_phases].first;
	target = address(t);
	snprintf(target_text, sizeof target_text, "%s", t);
	calls = calloc(n_calls, sizeof *calls);
	if (!calls)
		die("calloc");
	set_up_sockets(c, servers);
	run_id = (now_us() ^ ((u64)getpid() << 20)) & 0xffffffffff;
	if (n_background)
		bring_up_background(background_rate);
	run(hold_mode);
	return 0;
}

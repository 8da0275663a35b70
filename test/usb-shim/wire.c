/* The connection to the device models: framing, the reader thread, calls that wait for an answer. */
#define _GNU_SOURCE
#include "shim.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

/* A message is u32 length (of what follows), u8 type, payload; little endian like the only machines this runs on. */

#define READY_TIMEOUT_S 10

pthread_mutex_t shim_lock = PTHREAD_MUTEX_INITIALIZER;
struct device *shim_devices;

static pthread_mutex_t write_lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;
static int connection = -1;
static bool ready, lost;

struct call {
	uint32_t id;
	bool answered;
	int32_t result;
	struct call *next;
};
static struct call *calls;
static uint32_t next_call = 1;

static void write_all(const void *data, size_t length)
{
	const uint8_t *at = data;
	while (length > 0) {
		ssize_t sent = send(connection, at, length, MSG_NOSIGNAL);
		if (sent < 0) {
			if (errno == EINTR)
				continue;
			return; /* the reader notices the lost connection */
		}
		at += sent;
		length -= (size_t)sent;
	}
}

static bool read_all(void *data, size_t length)
{
	uint8_t *at = data;
	while (length > 0) {
		ssize_t got = read(connection, at, length);
		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0)
			return false;
		at += got;
		length -= (size_t)got;
	}
	return true;
}

void wire_send(uint8_t type, const void *head, uint32_t head_length, const void *body, uint32_t body_length)
{
	uint8_t frame[64];
	uint32_t length = 1 + head_length + body_length;
	memcpy(frame, &length, 4);
	frame[4] = type;
	memcpy(frame + 5, head, head_length); /* heads are at most 24 bytes */
	pthread_mutex_lock(&write_lock);
	write_all(frame, 5 + head_length);
	if (body_length > 0)
		write_all(body, body_length);
	pthread_mutex_unlock(&write_lock);
}

int wire_call(uint8_t type, uint32_t *message, uint32_t length)
{
	struct call call = { 0 };
	pthread_mutex_lock(&shim_lock);
	if (lost) {
		pthread_mutex_unlock(&shim_lock);
		return -ENODEV;
	}
	call.id = message[0] = next_call++;
	call.next = calls;
	calls = &call;
	wire_send(type, message, length, NULL, 0);
	while (!call.answered && !lost)
		pthread_cond_wait(&changed, &shim_lock);
	for (struct call **p = &calls; *p; p = &(*p)->next) {
		if (*p == &call) {
			*p = call.next;
			break;
		}
	}
	pthread_mutex_unlock(&shim_lock);
	return call.answered ? call.result : -ENODEV;
}

struct device *shim_find(int bus, int address)
{
	for (struct device *d = shim_devices; d; d = d->next)
		if (d->present && d->bus == bus && d->address == address)
			return d;
	return NULL;
}

/* bus, address, configuration, name length, u32 speed, name, descriptors */
static void attach(const uint8_t *payload, uint32_t length)
{
	struct device *device = calloc(1, sizeof *device);
	size_t name_length = payload[3];
	device->bus = payload[0];
	device->address = payload[1];
	device->configuration = payload[2];
	memcpy(&device->speed, payload + 4, 4);
	memcpy(device->name, payload + 8, name_length < sizeof device->name ? name_length : sizeof device->name - 1);
	device->descriptors_length = length - 8 - name_length;
	device->descriptors = malloc(device->descriptors_length);
	memcpy(device->descriptors, payload + 8 + name_length, device->descriptors_length);
	device->present = true;
	device->next = shim_devices; /* never freed: handles of udev and usbfs may outlive the plug */
	shim_devices = device;
	udev_announce(device, true);
}

static void detach(struct device *device)
{
	device->present = false;
	usbfs_unplugged(device);
	udev_announce(device, false);
}

static void reply(const uint8_t *payload)
{
	uint32_t id;
	memcpy(&id, payload, 4);
	for (struct call *call = calls; call; call = call->next) {
		if (call->id == id) {
			memcpy(&call->result, payload + 4, 4);
			call->answered = true;
		}
	}
	pthread_cond_broadcast(&changed);
}

static void dispatch(const uint8_t *message, uint32_t length)
{
	const uint8_t *payload = message + 1;
	struct device *device;
	uint32_t words[4];

	switch (message[0]) {
	case TO_HOST_ATTACH:
		attach(payload, length - 1);
		break;
	case TO_HOST_DETACH:
		device = shim_find(payload[0], payload[1]);
		if (device)
			detach(device);
		break;
	case TO_HOST_READY:
		ready = true;
		pthread_cond_broadcast(&changed);
		break;
	case TO_HOST_COMPLETE: /* node, urb, status, actual length, data */
		memcpy(words, payload, sizeof words);
		usbfs_complete(words[0], words[1], (int32_t)words[2], words[3], payload + sizeof words,
			       length - 1 - (uint32_t)sizeof words);
		break;
	case TO_HOST_REPLY:
		reply(payload);
		break;
	}
}

static void *reader(void *unused)
{
	uint8_t *message = NULL;
	uint32_t capacity = 0, length;

	(void)unused;
	while (read_all(&length, sizeof length) && length > 0) {
		if (length > capacity) {
			free(message);
			message = malloc(capacity = length);
		}
		if (!read_all(message, length))
			break;
		pthread_mutex_lock(&shim_lock);
		dispatch(message, length);
		pthread_mutex_unlock(&shim_lock);
	}
	free(message);

	/* The server has gone: every device with it. */
	pthread_mutex_lock(&shim_lock);
	lost = true;
	for (struct device *d = shim_devices; d; d = d->next)
		if (d->present)
			detach(d);
	pthread_cond_broadcast(&changed);
	pthread_mutex_unlock(&shim_lock);
	return NULL;
}

static void start(void)
{
	const char *path = getenv("USBSHIM_SOCKET");
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	struct timespec deadline;
	pthread_t thread;

	if (!path || strlen(path) >= sizeof address.sun_path)
		return;
	strcpy(address.sun_path, path);
	connection = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (connect(connection, (struct sockaddr *)&address, sizeof address) != 0) {
		fprintf(stderr, "usbshim: cannot connect to %s: %m\n", path);
		real_close(connection);
		connection = -1;
		return;
	}
	pthread_create(&thread, NULL, reader, NULL);
	pthread_detach(thread);

	/* A device that is there from the start must be in libusb's first list, and gives no attach event. */
	clock_gettime(CLOCK_REALTIME, &deadline);
	deadline.tv_sec += READY_TIMEOUT_S;
	pthread_mutex_lock(&shim_lock);
	while (!ready && !lost && pthread_cond_timedwait(&changed, &shim_lock, &deadline) == 0)
		;
	pthread_mutex_unlock(&shim_lock);
}

bool shim_active(void)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;
	pthread_once(&once, start);
	return connection >= 0;
}

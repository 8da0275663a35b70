/* The part of libudev that libusb calls: enumeration of usb_device and the hotplug monitor. */
#define _GNU_SOURCE
#include "shim.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct udev {
	int unused;
};

struct event {
	struct device *device;
	bool added;
	struct event *next;
};

/* The monitor's descriptor is a pipe with one byte for each event that waits. */
struct udev_monitor {
	int read_end, write_end;
	struct event *events, **tail;
	struct udev_monitor *next;
};

struct udev_device {
	struct device *device;
	const char *action; /* NULL for a device that was enumerated */
	char node[32];
};

struct udev_list_entry {
	char path[64];
	struct udev_list_entry *next;
};

struct udev_enumerate {
	struct udev_list_entry *entries;
};

static struct udev context;
static struct udev_monitor *monitors;

void udev_announce(struct device *device, bool added)
{
	for (struct udev_monitor *m = monitors; m; m = m->next) {
		struct event *event = calloc(1, sizeof *event);
		event->device = device;
		event->added = added;
		*m->tail = event;
		m->tail = &event->next;
		if (write(m->write_end, "", 1) != 1)
			fprintf(stderr, "usbshim: more hotplug events than a pipe holds\n");
	}
}

struct udev *udev_new(void)
{
	shim_active();
	return &context;
}

struct udev *udev_unref(struct udev *udev)
{
	(void)udev;
	return NULL;
}

struct udev_monitor *udev_monitor_new_from_netlink(struct udev *udev, const char *name)
{
	int ends[2];
	(void)udev;
	(void)name;
	if (pipe2(ends, O_CLOEXEC | O_NONBLOCK) != 0)
		return NULL;
	struct udev_monitor *monitor = calloc(1, sizeof *monitor);
	monitor->read_end = ends[0];
	monitor->write_end = ends[1];
	monitor->tail = &monitor->events;
	pthread_mutex_lock(&shim_lock);
	monitor->next = monitors;
	monitors = monitor;
	pthread_mutex_unlock(&shim_lock);
	return monitor;
}

int udev_monitor_filter_add_match_subsystem_devtype(struct udev_monitor *monitor, const char *subsystem,
						    const char *devtype)
{
	(void)monitor;
	(void)subsystem;
	(void)devtype;
	return 0; /* nothing but USB devices comes from here */
}

int udev_monitor_enable_receiving(struct udev_monitor *monitor)
{
	(void)monitor;
	return 0;
}

int udev_monitor_get_fd(struct udev_monitor *monitor)
{
	return monitor->read_end;
}

struct udev_monitor *udev_monitor_unref(struct udev_monitor *monitor)
{
	pthread_mutex_lock(&shim_lock);
	for (struct udev_monitor **p = &monitors; *p; p = &(*p)->next) {
		if (*p == monitor) {
			*p = monitor->next;
			break;
		}
	}
	pthread_mutex_unlock(&shim_lock);
	for (struct event *event = monitor->events, *next; event; event = next) {
		next = event->next;
		free(event);
	}
	real_close(monitor->read_end);
	real_close(monitor->write_end);
	free(monitor);
	return NULL;
}

static struct udev_device *new_device(struct device *device, const char *action)
{
	struct udev_device *result = calloc(1, sizeof *result);
	result->device = device;
	result->action = action;
	snprintf(result->node, sizeof result->node, "/dev/bus/usb/%03u/%03u", device->bus, device->address);
	return result;
}

struct udev_device *udev_monitor_receive_device(struct udev_monitor *monitor)
{
	char byte;
	if (read(monitor->read_end, &byte, 1) != 1)
		return NULL;
	pthread_mutex_lock(&shim_lock);
	struct event *event = monitor->events;
	monitor->events = event->next;
	if (!monitor->events)
		monitor->tail = &monitor->events;
	pthread_mutex_unlock(&shim_lock);
	struct udev_device *result = new_device(event->device, event->added ? "add" : "remove");
	free(event);
	return result;
}

struct udev_device *udev_device_new_from_syspath(struct udev *udev, const char *path)
{
	struct udev_device *result = NULL;
	const char *name = strrchr(path, '/');
	(void)udev;
	pthread_mutex_lock(&shim_lock);
	for (struct device *d = shim_devices; name && d && !result; d = d->next)
		if (d->present && !strcmp(d->name, name + 1))
			result = new_device(d, NULL);
	pthread_mutex_unlock(&shim_lock);
	return result;
}

struct udev_device *udev_device_unref(struct udev_device *device)
{
	free(device);
	return NULL;
}

const char *udev_device_get_action(struct udev_device *device)
{
	return device->action;
}

const char *udev_device_get_devnode(struct udev_device *device)
{
	return device ? device->node : NULL; /* libusb passes on what new_from_syspath gave */
}

const char *udev_device_get_sysname(struct udev_device *device)
{
	return device->device->name;
}

struct udev_enumerate *udev_enumerate_new(struct udev *udev)
{
	(void)udev;
	return calloc(1, sizeof(struct udev_enumerate));
}

int udev_enumerate_add_match_subsystem(struct udev_enumerate *enumerate, const char *subsystem)
{
	(void)enumerate;
	(void)subsystem;
	return 0;
}

int udev_enumerate_add_match_property(struct udev_enumerate *enumerate, const char *property, const char *value)
{
	(void)enumerate;
	(void)property;
	(void)value;
	return 0;
}

int udev_enumerate_scan_devices(struct udev_enumerate *enumerate)
{
	pthread_mutex_lock(&shim_lock);
	for (struct device *d = shim_devices; d; d = d->next) {
		if (!d->present)
			continue;
		struct udev_list_entry *entry = calloc(1, sizeof *entry);
		snprintf(entry->path, sizeof entry->path, "/sys/devices/usbshim/%s", d->name);
		entry->next = enumerate->entries;
		enumerate->entries = entry;
	}
	pthread_mutex_unlock(&shim_lock);
	return 0;
}

struct udev_list_entry *udev_enumerate_get_list_entry(struct udev_enumerate *enumerate)
{
	return enumerate->entries;
}

struct udev_list_entry *udev_list_entry_get_next(struct udev_list_entry *entry)
{
	return entry->next;
}

const char *udev_list_entry_get_name(struct udev_list_entry *entry)
{
	return entry->path;
}

struct udev_enumerate *udev_enumerate_unref(struct udev_enumerate *enumerate)
{
	for (struct udev_list_entry *entry = enumerate->entries, *next; entry; entry = next) {
		next = entry->next;
		free(entry);
	}
	free(enumerate);
	return NULL;
}

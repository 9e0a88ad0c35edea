/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright 2026, The Hashloom authors */
/*
 * echo.c: a server and its client in one program. Each is a chain of I/O futures, and one thread waits for both: the server accepts,
 * receives, sends back and closes, the client connects, sends and receives.
 */
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <hashloom/io.h>
#include <hashloom/runtime.h>

/* ---- the server: what is done with a connection is known when it is there */

struct server_data {
	FUTURE_CHAIN_ENTRY(struct hashloom_io_future, accept);
	FUTURE_CHAIN_ENTRY(struct hashloom_io_future, recv);
	FUTURE_CHAIN_ENTRY(struct hashloom_io_future, send);
	FUTURE_CHAIN_ENTRY_LAST(struct hashloom_io_future, close);
	char text[64];
};

struct server_output {
	int64_t echoed;
};

FUTURE(server_fut, struct server_data, struct server_output);

/* The accept is complete: the entries after it get their descriptor. */
static void accepted(struct future_context *accept, struct future_context *recv, void *arg)
{
	struct hashloom_io_output *output = future_context_get_output(accept);
	struct server_data *server = arg;

	(void)recv;
	server->recv.fut.data.fd = (int)output->result;
	server->send.fut.data.fd = (int)output->result;
	server->close.fut.data.fd = (int)output->result;
}

static void received(struct future_context *recv, struct future_context *send, void *arg)
{
	struct hashloom_io_output *output = future_context_get_output(recv);
	struct hashloom_io_data *sending = future_context_get_data(send);

	(void)arg;
	sending->n = output->result < 0 ? 0 : (size_t)output->result;
}

static void sent(struct future_context *send, struct future_context *close, void *arg)
{
	struct hashloom_io_output *output = future_context_get_output(send);
	struct server_fut *server = arg;

	(void)close;
	server->output.echoed = output->result;
}

/* A running I/O future stays where it is, so this fills in one that does. */
static void serve(struct server_fut *server, struct hashloom_io *io, int listening)
{
	struct server_data *data = &server->data;

	FUTURE_CHAIN_ENTRY_INIT(&data->accept, hashloom_io_accept(io, listening, NULL, NULL, SOCK_CLOEXEC), accepted, data);
	FUTURE_CHAIN_ENTRY_INIT(&data->recv, hashloom_io_recv(io, -1, data->text, sizeof(data->text), 0), received, NULL);
	FUTURE_CHAIN_ENTRY_INIT(&data->send, hashloom_io_send(io, -1, data->text, 0, 0), sent, server);
	FUTURE_CHAIN_ENTRY_INIT(&data->close, hashloom_io_close(io, -1), NULL, NULL);
	FUTURE_CHAIN_INIT(server);
}

/* ---- the client */

struct client_data {
	FUTURE_CHAIN_ENTRY(struct hashloom_io_future, connect);
	FUTURE_CHAIN_ENTRY(struct hashloom_io_future, send);
	FUTURE_CHAIN_ENTRY_LAST(struct hashloom_io_future, recv);
	char text[64];
};

struct client_output {
	int unused;
};

FUTURE(client_fut, struct client_data, struct client_output);

static void call(struct client_fut *client, struct hashloom_io *io, int fd, const struct sockaddr *address, socklen_t length)
{
	static const char greeting[] = "hello, hello";
	struct client_data *data = &client->data;

	FUTURE_CHAIN_ENTRY_INIT(&data->connect, hashloom_io_connect(io, fd, address, length), NULL, NULL);
	FUTURE_CHAIN_ENTRY_INIT(&data->send, hashloom_io_send(io, fd, greeting, sizeof(greeting), 0), NULL, NULL);
	FUTURE_CHAIN_ENTRY_INIT(&data->recv, hashloom_io_recv(io, fd, data->text, sizeof(data->text), 0), NULL, NULL);
	FUTURE_CHAIN_INIT(client);
}

/* ---- both */

/* A listening socket, with an address that the kernel chooses. */
static int listen_somewhere(struct sockaddr_un *address, socklen_t *length)
{
	const int fd = socket(AF_UNIX, SOCK_STREAM, 0);

	memset(address, 0, sizeof(*address));
	address->sun_family = AF_UNIX;
	if (fd < 0 || bind(fd, (struct sockaddr *)address, sizeof(address->sun_family)) != 0 ||
	    getsockname(fd, (struct sockaddr *)address, length) != 0 || listen(fd, 1) != 0)
		return -1;
	return fd;
}

int main(void)
{
	struct sockaddr_un address;
	socklen_t length = sizeof(address);
	const int listening = listen_somewhere(&address, &length);
	const int fd = socket(AF_UNIX, SOCK_STREAM, 0);
	struct hashloom_io *io = hashloom_io_new(NULL);
	struct runtime *runtime = runtime_new();
	struct server_fut server;
	struct client_fut client;

	if (listening < 0 || fd < 0 || io == NULL || runtime == NULL)
		return 1;
	serve(&server, io, listening);
	call(&client, io, fd, (struct sockaddr *)&address, length);
	runtime_wait_multiple(runtime, (struct future *[]){FUTURE_AS_RUNNABLE(&client), FUTURE_AS_RUNNABLE(&server)}, 2);
	printf("the server sent %lld bytes back\n", (long long)FUTURE_OUTPUT(&server)->echoed);
	printf("the client heard \"%s\"\n", FUTURE_OUTPUT(&client.data.recv.fut)->result > 0 ? client.data.text : "");

	runtime_delete(runtime);
	hashloom_io_delete(io);
	close(fd);
	close(listening);
	return 0;
}

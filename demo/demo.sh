#!/bin/sh
# Two containers, each on a WireGuard configuration, talk through the kernel's WireGuard.
# Needs Docker, WireGuard and wg(8); removes all that it makes.
set -eu

export PLUGIN=wireguard-demo:latest
IMAGE=wireguard-demo-busybox
CONFIG_DIR=$(mktemp -d)
export CONFIG_DIR

say() { printf '\n\033[1m%s\033[0m\n' "$*"; }
show() { printf '$ %s\n' "$*" && "$@"; }

clean_up() {
	status=$?
	trap - EXIT
	say 'Removing everything'
	docker rm --force wg-alice wg-bob >/dev/null 2>&1 || true
	docker network rm alice-net bob-net >/dev/null 2>&1 || true
	make --no-print-directory uninstall >/dev/null 2>&1 || true
	docker rmi "$IMAGE" >/dev/null 2>&1 || true
	rm -rf "$CONFIG_DIR"
	exit $status
}
trap clean_up EXIT
trap 'exit 130' INT TERM

# configure NAME KEY PORT NUMBER PEER_KEY PEER_PORT PEER_NUMBER
configure() {
	cat >"$CONFIG_DIR/$1.conf" <<-EOF
		[Interface]
		PrivateKey = $2
		ListenPort = $3
		Address = 10.99.0.$4/32, fd99::$4/128

		[Peer]
		PublicKey = $(echo "$5" | wg pubkey)
		Endpoint = 127.0.0.1:$6
		AllowedIPs = 10.99.0.$7/32, fd99::$7/128
	EOF
}

say 'Building the plugin and installing it'
make --no-print-directory install

say 'Two fresh key pairs, two configurations, each the peer of the other'
umask 077
alice=$(wg genkey)
bob=$(wg genkey)
configure alice "$alice" 51901 1 "$bob" 51902 2
configure bob "$bob" 51902 2 "$alice" 51901 1
sed 's/^PrivateKey = .*/PrivateKey = (hidden)/' "$CONFIG_DIR/alice.conf"

say 'Two networks'
for name in alice bob; do
	show docker network create --driver "$PLUGIN" --opt "wireguard-config=$name" \
		--ipam-driver null "$name-net"
done

say 'Two containers, without any privilege'
tar -C "$(dirname "$(command -v busybox)")" -c busybox | docker import - "$IMAGE" >/dev/null
show docker run --detach --name wg-bob --network bob-net "$IMAGE" /busybox sh -c \
	'echo "Hello from Bob, through WireGuard" >/index.html; exec /busybox httpd -f -h /'
show docker run --detach --name wg-alice --network alice-net "$IMAGE" /busybox sleep 600

say 'What Alice has: lo and wg0, nothing else'
show docker exec wg-alice /busybox ip addr
show docker exec wg-alice /busybox ip route
show docker exec wg-alice /busybox ip -6 route

say 'Alice reaches Bob'
show docker exec wg-alice /busybox ping -c 3 10.99.0.2
show docker exec wg-alice /busybox ping -c 1 fd99::2
show docker exec wg-alice /busybox wget -q -O - http://10.99.0.2/

say 'And nobody else: there is no other way out of the container'
show docker exec wg-alice /busybox ping -c 1 -W 2 192.0.2.1 || true

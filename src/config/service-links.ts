// Recognises the variables that Kubernetes sets for each Service of a namespace, which may begin with our prefix by chance.

/**
 * A Service named `rusteze` gives RUSTEZE_SERVICE_HOST, RUSTEZE_SERVICE_PORT, RUSTEZE_SERVICE_PORT_<NAME>, RUSTEZE_PORT=tcp://… and
 * RUSTEZE_PORT_6380_TCP with _PROTO, _PORT and _ADDR behind it. Since no setting of ours ends like that, none is taken for a link.
 */
export function isServiceLink(variable: string, value: string): boolean {
  if (/_SERVICE_HOST$|_SERVICE_PORT(_|$)|_PORT_\d+_/.test(variable)) return true
  return variable.endsWith('_PORT') && /^(tcp|udp|sctp):\/\//.test(value)
}

// Settings that say where the servers are and how the proxy logs in there.
import { tcpAddresses } from '../addresses.ts'
import { backendLocation } from '../backend-location.ts'
import { serviceName } from '../service-name.ts'
import { setting } from '../setting.ts'
import { filePath, onOff, optional, secret, word } from '../setting-types.ts'

export const backendSettings = {
  service: setting('SERVICE', optional(serviceName()), '', {
    sentence: 'The Service of Kubernetes that leads to the servers, primary and replicas: [namespace/]service[:port].',
    reason:
      'Without it the servers are those of RUSTEZE_BACKENDS. The namespace is that of the pod, the port is found by its name.',
  }),
  backends: setting('BACKENDS', backendLocation(), '127.0.0.1:6379', {
    sentence:
      'The servers, primary and replicas, separated by commas: host, host:port, [v6]:port, unix:/path, or all in one redis://user:password@host:port,host:port/0 (rediss:// for TLS).',
    reason: 'Where a Redis on the same machine listens.',
  }),
  primaryService: setting('PRIMARY_SERVICE', optional(serviceName()), '', {
    sentence:
      'A second Service that selects the primary by a label, as charts and operators keep one: a hint where several servers are masters.',
    reason: 'The servers say themselves who is the primary, and labels follow late.',
  }),
  sentinels: setting('SENTINELS', optional(tcpAddresses(26_379)), '', {
    sentence:
      'All Sentinels, separated by commas: host, host:port or [v6]:port. What most of them say is a hint where several servers are masters.',
    reason: 'Those that RUSTEZE_SERVICE names a port for (a name with sentinel in it, or 26379).',
  }),
  sentinelMaster: setting('SENTINEL_MASTER', optional(word()), '', {
    sentence: 'What the Sentinels call these servers, such as mymaster.',
    reason: 'Only Sentinels that watch several groups of servers leave a doubt.',
  }),
  sentinelPasswordFile: setting('SENTINEL_PASSWORD_FILE', optional(filePath()), '', {
    sentence: 'File with the password of the Sentinels, re-read when it changes.',
    reason: 'The password of the servers, unless a user goes with it: charts use one for both.',
  }),
  backendUsername: setting('BACKEND_USERNAME', optional(word()), '', {
    sentence: 'User as whom the proxy logs in.',
    reason: "The server's default user.",
  }),
  backendUsernameFile: setting('BACKEND_USERNAME_FILE', optional(filePath()), '', {
    sentence: 'File with the user name, re-read when it changes.',
    reason: 'Only mounted Secrets need it.',
  }),
  backendPassword: setting('BACKEND_PASSWORD', optional(secret()), '', {
    sentence: 'Password of that user, used exactly as written.',
    reason: 'A server without a password needs none.',
  }),
  backendPasswordFile: setting('BACKEND_PASSWORD_FILE', optional(filePath()), '', {
    sentence: 'File with the password, such as a mounted Secret, re-read when it changes without dropping clients.',
    reason: 'Only mounted Secrets need it.',
  }),
  backendTls: setting('BACKEND_TLS', onOff(), 'off', {
    sentence: 'Encrypts the connections to the server; rediss:// switches it on as well.',
    reason: 'As Redis itself, which listens without TLS by default.',
  }),
  backendTlsCaFile: setting('BACKEND_TLS_CA_FILE', optional(filePath()), '', {
    sentence: "File with the PEM certificates that may sign the server's, re-read when it changes.",
    reason: "Node's own list of public authorities.",
  }),
  backendTlsCertFile: setting('BACKEND_TLS_CERT_FILE', optional(filePath()), '', {
    sentence: 'File with the PEM certificate that the proxy shows to the server, re-read when it changes.',
    reason: 'Only a server that asks for client certificates needs it.',
  }),
  backendTlsKeyFile: setting('BACKEND_TLS_KEY_FILE', optional(filePath()), '', {
    sentence: 'File with the PEM key of that certificate, re-read when it changes.',
    reason: 'Goes with RUSTEZE_BACKEND_TLS_CERT_FILE.',
  }),
  backendTlsServerName: setting('BACKEND_TLS_SERVER_NAME', optional(word()), '', {
    sentence: "Name that the server's certificate must carry.",
    reason: 'The host of RUSTEZE_BACKENDS.',
  }),
  backendTlsVerify: setting('BACKEND_TLS_VERIFY', onOff(), 'on', {
    sentence: "Checks the server's certificate; off is for tests only.",
    reason: 'Without the check anyone in between can read and answer.',
  }),
}

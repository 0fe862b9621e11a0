// Settings of what clients connect to.
import { listenAddresses } from '../addresses.ts'
import { setting } from '../setting.ts'
import { duration, fileMode, filePath, onOff, optional, wholeNumber } from '../setting-types.ts'

export const clientSettings = {
  listen: setting('LISTEN', listenAddresses(), '127.0.0.1:6380', {
    sentence: 'Where clients connect: host:port, [v6]:port or unix:/path, separated by commas.',
    reason: "Only this pod or machine can connect, and the port is free beside Redis's own.",
  }),
  socketMode: setting('SOCKET_MODE', fileMode(), '600', {
    sentence: 'Permissions of the unix sockets of RUSTEZE_LISTEN: 600, 660 or 666.',
    reason: 'Nobody but the user as whom the proxy runs can connect.',
  }),
  clientPasswordFile: setting('CLIENT_PASSWORD_FILE', optional(filePath()), '', {
    sentence: 'File with the password that clients must give to the proxy.',
    reason: 'On loopback the server decides alone who may do what.',
  }),
  isProtected: setting('PROTECTED', onOff(), 'on', {
    sentence: 'Refuses to listen beyond loopback without RUSTEZE_CLIENT_PASSWORD_FILE.',
    reason: 'An open port would lend the credentials of the backend to everyone.',
  }),
  maxClients: setting('CLIENTS', wholeNumber({ min: 1 }), '10000', {
    sentence: "Most clients at a time; one more gets Redis's own error.",
    reason: "Redis's own default of maxclients.",
  }),
  clientIdleMs: setting('CLIENT_IDLE', duration(), '0', {
    sentence: 'Closes a client that has been silent for so long; 0 = never.',
    reason: 'As Redis does by default.',
  }),
}

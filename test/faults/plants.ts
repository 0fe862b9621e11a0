// Bugs that can be planted in the proxy of this process, so that those who look for bugs show that they find them.
import { BackendConnection } from '../../src/backend/backend-connection.ts'
import { Phase } from '../../src/backend/request.ts'
import { Lane } from '../../src/client/lane.ts'

const { lost } = Lane.prototype
const { send } = BackendConnection.prototype

/** Takes all of them out again. */
export function uproot(): void {
  Lane.prototype.lost = lost
  BackendConnection.prototype.send = send
}

export const plants = { resend: sendAgain, shift: shiftReplies, early: acknowledgeEarly }
export type PlantName = keyof typeof plants

/** What was lost is taken for unsent, whatever it was. */
function sendAgain(): void {
  Lane.prototype.lost = function (this: Lane, request) {
    lost.call(this, request, false)
  }
}

/** Once in a while a request is forgotten whose reply is still to come. */
function shiftReplies(): void {
  let count = 0
  BackendConnection.prototype.send = function (this: BackendConnection, request) {
    send.call(this, request)
    if (++count > 500 && this.lanes > 1 && this.sent.length > 2) {
      count = 0
      this.finishHead()
    }
  }
}

/** An RPUSH is answered as soon as it is lost, for surely it ran. */
function acknowledgeEarly(): void {
  Lane.prototype.lost = function (this: Lane, request, wasSent) {
    if (request.command.name !== 'rpush' || request.block !== null || this.pin !== null) {
      lost.call(this, request, wasSent)
      return
    }
    this.inFlight--
    request.phase = Phase.Held
    this.proxy.replies.answer(request, Buffer.from(':1\r\n'))
  }
}

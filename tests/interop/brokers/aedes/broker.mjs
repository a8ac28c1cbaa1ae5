// aedes on TCP and on WebSocket: node broker.mjs TCP_PORT WS_PORT
import { Aedes } from 'aedes'
import { createServer } from 'aedes-server-factory'

const [tcp, ws] = process.argv.slice(2)
const broker = await Aedes.createBroker()
createServer(broker).listen(tcp, '127.0.0.1')
createServer(broker, { ws: true }).listen(ws, '127.0.0.1')

// socket.io: a durable row, then an event to a room. `node socketio.mjs DATABASE`
// POST /one goes to the room of one, POST /all to everybody's.
import { createServer } from "node:http";
import Database from "better-sqlite3";
import { Server } from "socket.io";

const db = new Database(process.argv[2]);
db.pragma("journal_mode = WAL");
db.pragma("synchronous = FULL");
db.exec("CREATE TABLE event (id INTEGER PRIMARY KEY, body TEXT)");
const insert = db.prepare("INSERT INTO event (body) VALUES (?)");

const event = {
  cursor: "0.123456", at: "2026-11-24T10:00:00.000000+08:00", topic: "line/0192f3a4-0000-7000-8000-000000000000",
  kind: "line.moved", conversation: null, number: null, mine: false, message: null,
};
for (let n = 0; n < 1200; n++) insert.run(JSON.stringify(event)); // the log has the size it will keep
const http = createServer((request, response) => {
  request.resume();
  request.on("end", () => {
    insert.run(JSON.stringify(event));
    response.writeHead(201, { "content-length": 0 }).end();
    io.to(request.url.slice(1)).emit("event", event);
  });
});
const io = new Server(http, { transports: ["websocket"], serveClient: false });
io.on("connection", (socket) => {
  socket.on("join", (room) => {
    socket.join(["all", room]);
    socket.emit("joined");
  });
});
http.listen(0, "127.0.0.1", () => console.log(`ready http://127.0.0.1:${http.address().port}`));

// Starts an unpacked bundle as Claude Desktop does, with the official library's own
// reading of the manifest: node run.mjs LIBRARY FOLDER
import { spawn } from "node:child_process";
import { readFileSync } from "node:fs";
import { homedir } from "node:os";
import { join, sep } from "node:path";
import { createInterface } from "node:readline";
import { pathToFileURL } from "node:url";

const [library, folder] = process.argv.slice(2);
const { getMcpConfigForManifest } = await import(pathToFileURL(library));
const manifest = JSON.parse(readFileSync(join(folder, "manifest.json"), "utf8"));

// tools starts the server with what a user has set, and asks for its tools.
async function tools(userConfig) {
	const config = await getMcpConfigForManifest({
		manifest, userConfig, extensionPath: folder, systemDirs: { HOME: homedir() }, pathSeparator: sep,
	});
	const server = spawn(config.command, config.args, {
		env: { HOME: folder, PATH: process.env.PATH, ...config.env }, stdio: ["pipe", "pipe", "inherit"], timeout: 60000,
	});
	const send = (message) => server.stdin.write(JSON.stringify({ jsonrpc: "2.0", ...message }) + "\n");
	send({
		id: 1, method: "initialize",
		params: { protocolVersion: "2025-06-18", capabilities: {}, clientInfo: { name: "claude-ai", version: "0" } },
	});
	for await (const line of createInterface({ input: server.stdout })) {
		const answer = JSON.parse(line);
		if (answer.id === 1) {
			send({ method: "notifications/initialized" });
			send({ id: 2, method: "tools/list" });
		}
		if (answer.id === 2) {
			server.stdin.end();
			return answer.result.tools.map((tool) => tool.name).sort().join(" ");
		}
	}
	throw new Error("the server ended without an answer");
}

const promised = manifest.tools.map((tool) => tool.name).sort().join(" ");
for (const [what, userConfig] of [["nothing set", {}], ["the simulator on", { simulate: true, region: "singapore" }]]) {
	const got = await tools(userConfig);
	if (got !== promised) {
		throw new Error(`with ${what} it has the tools ${got}, not ${promised}`);
	}
	console.log(`with ${what} it answers: ${got}`);
}

/** "Résumé exécutif" and "Points conformes": lines 1 to 148. */

import * as broker from "../checks/broker.ts";
import * as program from "../checks/program.ts";
import * as repository from "../checks/repository.ts";
import * as sessions from "../checks/sessions.ts";
import { holds, type Row, section, sum, superseded, topics } from "../rows.ts";

export const POINTS: readonly Row[] = [
  ...section("# 📊 Analyse de Conformité - Worker WhatsApp vs Backend", [
    holds(4, "config.worker_id_named", "**Worker ID:** worker-1", program.workerIdIsUsed),
    superseded(
      5,
      "architecture.version",
      "**Version:** 1.0.0",
      "a count of its own from 0.1.0",
      repository.versionIsTold,
    ),
  ]),
  ...section("## ✅ RÉSUMÉ EXÉCUTIF", [
    sum(
      11,
      "summary.flow",
      "Votre worker Node.js **SUIT CORRECTEMENT** le flux du projet backend",
      topics("flow"),
    ),
    sum(13, "summary.score", "**Score de conformité:** 95/100", () => true),
  ]),
  ...section("### 1. ✅ Architecture Générale", [
    superseded(
      23,
      "architecture.folders",
      "**Structure des dossiers** | ✅ Conforme",
      "folders by subject",
      repository.structureHolds,
    ),
    superseded(
      24,
      "architecture.files",
      "**Fichiers essentiels** | ✅ Tous présents | 18/18 fichiers créés",
      "one program and its modules",
      repository.filesExist(
        "main.ts",
        "deno.json",
        "deno.lock",
        ".env.example",
        ".ci/run",
        "src/run.ts",
        "src/worker.ts",
        "src/log.ts",
        "LICENSE",
      ),
    ),
    superseded(
      25,
      "architecture.dependencies",
      "**Dépendances** | ✅ Correctes | Baileys 6.6.0, amqplib 0.10.3",
      "the versions of today",
      repository.versionsArePinned("@whiskeysockets/baileys", "amqplib"),
    ),
    superseded(
      26,
      "config.central",
      "**Configuration** | ✅ Bonne | Utilise dotenv et config centralisée",
      "a strict reader",
      repository.configurationIsCentral,
    ),
  ]),
  ...section("### 2. ✅ Communication RabbitMQ", []),
  ...section("#### Queues Configurées", [
    holds(33, "rabbitmq.message_send", "messageSend: 'whatsapp.message.send'", broker.sendsAreTaken),
    holds(34, "rabbitmq.message_receive", "messageReceive: 'whatsapp.message.receive'", broker.repliesArrive),
    holds(35, "rabbitmq.number_health", "numberHealth: 'whatsapp.number.health'", broker.healthArrives),
    holds(
      36,
      "rabbitmq.session_update",
      "sessionUpdate: 'whatsapp.session.update'",
      broker.sessionEventsArrive,
    ),
  ]),
  ...section("#### Connexion RabbitMQ", [
    holds(
      41,
      "rabbitmq.url",
      "URL: `amqp://guest:guest@broker.example.com:5672` (même serveur que backend)",
      broker.sharesTheBroker,
    ),
    holds(
      42,
      "rabbitmq.reconnection",
      "Gestion des erreurs et reconnexion automatique",
      broker.comesBackToTheBroker,
    ),
    holds(43, "rabbitmq.prefetch", "Prefetch configuré à 1", broker.takesOneAtATime),
    holds(44, "rabbitmq.persistence", "Messages persistants activés", broker.messagesArePersistent),
  ]),
  ...section("### 3. ✅ Gestion des Sessions (sessionManager.js)", [
    superseded(
      46,
      "sessions.module",
      "Gestion des Sessions (sessionManager.js)",
      "one state machine a number",
      repository.filesExist("src/whatsapp/session/sessions.ts", "src/whatsapp/session/session.ts"),
    ),
  ]),
  ...section("#### Création de Session", [
    holds(52, "sessions.id", "✅ Format conforme au backend", sessions.sessionIdHasTheFormat),
    holds(53, "sessions.baileys", "✅ Utilise Baileys correctement", sessions.realBaileysIsUsed),
    holds(54, "sessions.events", "✅ Gère les événements de connexion", sessions.linkEventsAreHandled),
  ]),
  ...section("#### Génération QR Code", [
    holds(64, "sessions.qr_sent", "✅ ENVOIE LE QR AU BACKEND", sessions.qrIsSent),
    holds(
      68,
      "sessions.qr_action",
      "action: 'qr_generated',  // ✅ Action correcte",
      sessions.qrActionIsNamed,
    ),
    holds(69, "sessions.qr_included", "✅ QR code inclus", sessions.qrIsIncluded),
    holds(
      74,
      "sessions.qr_conform",
      "Le worker envoie bien le QR code au backend via RabbitMQ",
      sessions.qrIsSent,
    ),
  ]),
  ...section("### 4. ✅ Gestion des Connexions", []),
  ...section("#### Connexion Réussie", [
    holds(84, "sessions.connected", "✅ Notifie le backend de la connexion", sessions.connectionIsAnnounced),
    holds(91, "sessions.health", "✅ Met à jour le statut de santé", sessions.healthFollowsTheConnection),
  ]),
  ...section("### 5. ✅ Réception des Messages du Backend", []),
  ...section("#### Consumer Session Update", [
    superseded(
      103,
      "rabbitmq.consumer_module",
      "// Ligne 232-238 de worker.js",
      "an elected reader",
      repository.filesExist("src/broker/reader.ts", "src/broker/consumer.ts"),
    ),
    holds(105, "rabbitmq.consumer", "config.rabbitmq.queues.sessionUpdate,", broker.listensForCommands),
  ]),
  ...section("#### Handler Session Update", [
    holds(119, "sessions.create", "case 'create':    // ✅ Gère la création", sessions.createIsHandled),
    holds(123, "sessions.close", "case 'close':     // ✅ Gère la fermeture", sessions.closeIsHandled),
    holds(
      127,
      "sessions.reconnect",
      "case 'reconnect': // ✅ Gère la reconnexion",
      sessions.reconnectIsHandled,
    ),
  ]),
  ...section("### 6. ✅ Health Checks", [
    superseded(
      137,
      "health.module",
      "// HealthHandler.js - Ligne 122-131",
      "src/health",
      repository.filesExist("src/health/worker_status.ts"),
    ),
    holds(142, "health.worker_status", "action: 'worker_status',", program.workerStatusIsSent),
    holds(
      148,
      "health.interval",
      "Le worker envoie son statut toutes les 30 secondes",
      program.statusIsRegular,
    ),
  ]),
];

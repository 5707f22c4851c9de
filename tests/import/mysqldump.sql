-- MySQL dump 10.13  Distrib 8.0.36
/*!40101 SET NAMES utf8mb4 */;
DROP TABLE IF EXISTS `load_balancer`;
CREATE TABLE `load_balancer` (
  `id` int unsigned NOT NULL AUTO_INCREMENT,
  `description` char(128) NOT NULL DEFAULT 'it''s; (a row?)',
  PRIMARY KEY (`id`)
);
LOCK TABLES `load_balancer` WRITE;
INSERT INTO `dispatcher` VALUES (9,1,'sip:192.0.2.1','INSERT INTO `load_balancer` VALUES (1);');
INSERT INTO `load_balancer` VALUES (1,1,'sip:10.0.0.11:5060','pstn=100;transc=20',2,NULL,'pbx-a'),(2,1,'sip:10.0.0.12:5060','pstn=300;transc=60',2,'a=b;c','O\'Brien''s box'),
(3,1,'sip:10.0.0.13:5060','pstn=fs://:secret@10.0.0.13:8021',2,NULL,'fs');
INSERT INTO `load_balancer` VALUES (4,2,'sip:10.0.0.13','conf=30',2,NULL,''),(5,2,'sip:10.0.0.14:5061;transport=tls','conf=30',2,NULL,'tls');
UNLOCK TABLES;
